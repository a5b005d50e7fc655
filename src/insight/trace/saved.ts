import { Descriptor, openFlags } from '../../linux/sys/descriptor.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { removeFile, renameFile, statusOf, syncFile, writeAll } from '../../linux/sys/files.ts'
import { version } from '../../version.ts'
import type { Prediction } from '../predict/prediction.ts'
import { predictionShape } from '../predict/prediction-shape.ts'
import {
  type Check,
  either,
  maybe,
  nothing,
  number,
  object,
  oneOf,
  ShapeError,
  tagged,
  text,
} from './checked.ts'
import type { TraceObservation } from './observation.ts'
import { observation } from './saved-shapes.ts'

/**
 * Theory of operation. A file of traces has a line of JSON for each flow, behind a first line that says what it is. Kept is
 * what was observed, with the texts of the rules, and not what was made of it: the story is told anew when the file is read,
 * without a kernel, a network or a space. Lines are written as flows end; the file gets its name when all is on the disk, so
 * whoever finds it finds it whole.
 */

/** The version of the format. A file of a newer one is refused. */
export const traceFileVersion = 1

/** The first line. */
export type TraceFileHeader = {
  /** Version of natspace that wrote it. */
  natspace: string
  schemaVersion: number
  kind: 'trace'
  /** Release of the kernel of the host that was traced. */
  kernel: string
  /** When it was begun: ISO 8601. */
  time: string
}

/** One flow: what was observed of it, and what was predicted for it, if anything was. */
export type SavedFlow = {
  type: 'flow'
  /** Its number, where all flows were followed. */
  flow?: number
  observation: TraceObservation
  prediction?: Prediction
}

/**
 * A line behind the first. `snapshot`: whose flows were followed; `lost`: events were missed there; `summary`: what was not
 * told at the end.
 */
export type SavedLine =
  | SavedFlow
  | { type: 'snapshot'; space: string; interface: string; hostInterface: string; uplink: string | null }
  | { type: 'lost'; place: 'inside' | 'host' }
  | { type: 'summary'; open: number; skipped: number; leftOut: number }

/** A file of traces that cannot be read; `line` from 1, and the field of that line. */
export class TraceFileError extends Error {
  override readonly name = 'TraceFileError'
  readonly line: number
  readonly field: string | undefined
  readonly reason: string

  constructor(line: number, field: string | undefined, reason: string, cause?: unknown) {
    super(
      `line ${line}${field === undefined ? '' : `, ${field}`}: ${reason}`,
      cause === undefined ? undefined : { cause },
    )
    this.line = line
    this.field = field
    this.reason = reason
  }
}

/** A file that traces cannot be written to. */
export class TraceFileWriteError extends Error {
  override readonly name = 'TraceFileWriteError'
  readonly path: string
  readonly reason: string

  constructor(path: string, reason: string, cause?: unknown) {
    super(`Cannot write ${path}: ${reason}`, cause === undefined ? undefined : { cause })
    this.path = path
    this.reason = reason
  }
}

/** JSON has no numbers of 64 bits. */
const line = (value: unknown): string =>
  `${JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}` : item))}\n`

/** The first line of a file. Pure. */
export const headerLine = (kernel: string, time: Date): string =>
  line({
    natspace: version,
    schemaVersion: traceFileVersion,
    kind: 'trace',
    kernel,
    time: time.toISOString(),
  } satisfies TraceFileHeader)

/** A line behind the first. Pure. */
export const savedLine = (saved: SavedLine): string => line(saved)

type LineOf<K extends SavedLine['type']> = Extract<SavedLine, { type: K }>

const savedLineShape = tagged<SavedLine>(
  'type',
  new Map<unknown, Check<SavedLine>>([
    [
      'flow',
      object<LineOf<'flow'>>({
        type: oneOf(['flow']),
        flow: maybe(number),
        observation,
        prediction: maybe(predictionShape),
      }),
    ],
    [
      'snapshot',
      object<LineOf<'snapshot'>>({
        type: oneOf(['snapshot']),
        space: text,
        interface: text,
        hostInterface: text,
        uplink: either(nothing, text),
      }),
    ],
    ['lost', object<LineOf<'lost'>>({ type: oneOf(['lost']), place: oneOf(['inside', 'host']) })],
    [
      'summary',
      object<LineOf<'summary'>>({ type: oneOf(['summary']), open: number, skipped: number, leftOut: number }),
    ],
  ]),
)

const fileHeader: Check<TraceFileHeader> = object<TraceFileHeader>({
  natspace: text,
  schemaVersion: number,
  kind: oneOf(['trace']),
  kernel: text,
  time: text,
})

/** Longer lines are none of ours. Characters. */
const longestLine = 32 * 1024 * 1024

/**
 * Reads a file, part by part, so that it may be as long as it likes; the lines are read as they are asked for. Throws
 * TraceFileError, also later. Pure.
 */
export const readTraces = (
  parts: Iterable<Uint8Array>,
): { header: TraceFileHeader; lines: Iterable<SavedLine> } => {
  const lines = linesOf(parts)
  const first = lines.next()
  if (first.done) throw new TraceFileError(1, undefined, 'the file is empty')
  return { header: readHeader(first.value), lines: savedLines(lines) }
}

function* savedLines(lines: Iterable<string>): Generator<SavedLine, void> {
  let number = 1
  for (const content of lines) yield checked(savedLineShape, parse(content, ++number), number)
}

/** Lines without their ends. What has no end was cut off. */
function* linesOf(parts: Iterable<Uint8Array>): Generator<string, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 1
  let rest = ''
  for (const part of parts) {
    rest += decode(decoder, part, number)
    if (rest.length > longestLine) throw new TraceFileError(number, undefined, 'it is too long')
    const whole = rest.split('\n')
    rest = whole.pop() ?? ''
    for (const content of whole) {
      yield content
      number++
    }
  }
  if (rest !== '') throw new TraceFileError(number, undefined, 'the file ends in the middle of the line')
}

const decode = (decoder: TextDecoder, part: Uint8Array, number: number): string => {
  try {
    return decoder.decode(part, { stream: true })
  } catch (error) {
    throw new TraceFileError(number, undefined, 'it is no UTF-8', error)
  }
}

const readHeader = (first: string): TraceFileHeader => {
  const value = parse(first, 1)
  const given = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  if (given.kind !== 'trace' || typeof given.natspace !== 'string')
    throw new TraceFileError(1, 'kind', 'it is no file of natspace trace --save')
  const { schemaVersion } = given
  if (typeof schemaVersion === 'number' && schemaVersion > traceFileVersion)
    throw new TraceFileError(
      1,
      'schemaVersion',
      `it is of version ${schemaVersion}, and this natspace knows ${traceFileVersion}: a newer natspace wrote it`,
    )
  if (schemaVersion !== traceFileVersion)
    throw new TraceFileError(1, 'schemaVersion', 'there is no such version')
  return checked(fileHeader, value, 1)
}

const parse = (content: string, number: number): unknown => {
  try {
    return JSON.parse(content) as unknown
  } catch (error) {
    throw new TraceFileError(number, undefined, 'it is no JSON', error)
  }
}

const checked = <T>(check: Check<T>, value: unknown, number: number): T => {
  try {
    return check(value, '')
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error
    throw new TraceFileError(number, error.field.replace(/^\./, ''), error.reason, error)
  }
}

const typeMask = 0o170000
const regularFile = 0o100000

/**
 * Writes traces, line by line, to a new file of mode 0600, which takes the place of one that is there when it is whole.
 * Without `finish` nothing is left of it. Throws TraceFileWriteError.
 */
export class TraceFileWriter implements Disposable {
  readonly #path: string
  readonly #temporary: string
  readonly #file: Descriptor
  #isOpen = true

  private constructor(path: string, temporary: string, file: Descriptor) {
    this.#path = path
    this.#temporary = temporary
    this.#file = file
  }

  /** `kernel` is the release of the kernel that is traced. */
  static open(path: string, kernel: string): TraceFileWriter {
    const temporary = `${path}.${process.pid}.tmp`
    try {
      const found = statusOf(path)
      if (found !== undefined && (found.mode & typeMask) !== regularFile)
        throw new TraceFileWriteError(path, 'what is there is no file')
      const { writeOnly, create, exclusive, noFollow } = openFlags
      const file = Descriptor.open(temporary, writeOnly | create | exclusive | noFollow, 0o600)
      const writer = new TraceFileWriter(path, temporary, file)
      writer.#append(headerLine(kernel, new Date()))
      return writer
    } catch (error) {
      if (error instanceof SystemError) throw new TraceFileWriteError(path, error.message, error)
      throw error
    }
  }

  /** Adds a line. */
  write(saved: SavedLine): void {
    this.#append(savedLine(saved))
  }

  /** All is on the disk, and the file gets its name. Equivalent to: `mv FILE.tmp FILE` */
  finish(): void {
    try {
      syncFile(this.#file.number)
      renameFile(this.#temporary, this.#path)
      this.#isOpen = false
      this.#file.close()
    } catch (error) {
      this.#fail(error)
    }
  }

  #append(content: string): void {
    try {
      writeAll(this.#file.number, new TextEncoder().encode(content))
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): never {
    this[Symbol.dispose]()
    if (error instanceof SystemError) throw new TraceFileWriteError(this.#path, error.message, error)
    throw error
  }

  /** Takes away what was not finished. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#file.close()
    try {
      removeFile(this.#temporary)
    } catch (error) {
      // Somebody else has removed it.
      if (!(error instanceof SystemError && error.errno === errno.ENOENT)) throw error
    }
  }
}

import { errno, SystemError } from '../linux/sys/errno.ts'
import { isTerminal, writeAll } from '../linux/sys/files.ts'
import { visible } from '../space/spec/quote.ts'
import { type Style, styleOf } from './style.ts'

/** Where text goes. Two functions, so that a test can keep what a command prints. */
export type Sink = { out(text: string): void; err(text: string): void }

/** A finding in `--json`: a warning of a plan, or something that `status` noticed. */
export type Finding = {
  code: string
  severity: 'error' | 'warning' | 'notice'
  title: string
  evidence: string[]
  why: string
  fix: { commands: string[]; undo: string[] }
  hides: string[]
}

export type OutputSettings = {
  json: boolean
  quiet: boolean
  verbose: boolean
  style: Style
  errorStyle: Style
}

/**
 * What a command prints: data to stdout, messages to stderr; with --json one object on stdout and nothing else there.
 * Text of the outside world must be made printable by whoever puts it into a line, so that it cannot end the line either;
 * should that be forgotten, what a terminal would obey is escaped here at last. JSON escapes by itself.
 */
export class Output {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly style: Style
  readonly errorStyle: Style
  readonly #sink: Sink

  constructor(sink: Sink, settings: OutputSettings) {
    this.#sink = sink
    this.json = settings.json
    this.quiet = settings.quiet
    this.verbose = settings.verbose
    this.style = settings.style
    this.errorStyle = settings.errorStyle
  }

  /** Lines on stdout: what was asked for. */
  lines(lines: readonly string[]): void {
    if (lines.length > 0) this.#sink.out(harmless(`${lines.join('\n')}\n`))
  }

  /** A note on stderr that -q silences; with --json it is left out, as everything is in the object. */
  note(text: string): void {
    if (!this.quiet && !this.json) this.#sink.err(harmless(`${text}\n`))
  }

  /** Lines on stderr whatever -q says. */
  messages(lines: readonly string[]): void {
    this.#sink.err(harmless(`${lines.join('\n')}\n`))
  }

  /** The object of --json. */
  object(command: string, data: unknown, findings: readonly Finding[] = [], error?: unknown): void {
    const envelope = { schemaVersion: 1, command, data, findings, ...(error === undefined ? {} : { error }) }
    this.#sink.out(`${toJson(envelope)}\n`)
  }

  /** Findings for a person: title, reason, what to do. */
  findings(findings: readonly Finding[]): void {
    if (this.json) return
    const { yellow, red } = this.errorStyle
    for (const { severity, code, title, why, evidence, fix } of findings) {
      const label = severity === 'error' ? red('error:') : yellow(`${severity}:`)
      this.messages([
        `${label} ${visible(title)}`,
        `  ${visible(why)}`,
        ...evidence.map(line => `  saw: ${visible(line)}`),
        ...fix.commands.map(line => `  fix: ${visible(line)}`),
        `  code: ${code} (natspace explain ${code})`,
      ])
    }
  }
}

// With the dashes and quotes of our own sentences: to set up the expression below takes a tenth of a millisecond.
const usual = /^[\n\t\x20-\x7e\u2010-\u2027]*$/

/** Text without any control but line ends, tabs, and the colours of style.ts. */
const harmless = (text: string): string =>
  usual.test(text)
    ? text
    : text.replace(
        /(\x1b\[(?:1|2|22|3[1236]|39)m)|(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/gu,
        (character, colour?: string) => colour ?? visible(character),
      )

/**
 * JSON with 64-bit counters as numbers where they are exact, else as text; bytes as hex digits. A terminal can show it: what
 * it would obey or hide is escaped, also where JSON itself does not ask for that.
 */
export const toJson = (value: unknown): string => {
  const text = stringify(value)
  return usual.test(text) ? text : text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escapedUnits)
}

const escapedUnits = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('')

const stringify = (value: unknown): string =>
  JSON.stringify(value, function (this: Record<string, unknown>, key, item: unknown) {
    if (typeof item === 'bigint') return item <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(item) : String(item)
    // The value itself, as a Buffer would be an object of numbers by now.
    const bytes = this[key]
    return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : item
  })

/** Colours as asked for: `auto` means on a terminal that is not dumb, and not when NO_COLOR is set (no-color.org). */
export const styleFor = (
  fd: number,
  when: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Style => {
  if (when === 'always' || when === 'never') return styleOf(when === 'always')
  const refused = Boolean(environment.NO_COLOR) || environment.TERM === 'dumb'
  return styleOf(!refused && isTerminal(fd))
}

/**
 * The real stdout and stderr, written at once: the streams of the runtime cost eight milliseconds of the start, and
 * would lose what is not yet written when the process is replaced or ends.
 */
export const processSink: Sink = { out: text => write(1, text), err: text => write(2, text) }

/** Thrown when nobody reads stdout any more (`natspace ls | head -1`): the end, without a message. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone'
}

const encoder = new TextEncoder()

const write = (fd: number, text: string): void => {
  try {
    writeAll(fd, encoder.encode(text))
  } catch (error) {
    if (error instanceof SystemError && (error.errno === errno.EPIPE || error.errno === errno.EBADF))
      throw new ReaderGone()
    throw error
  }
}

import { Descriptor, openFlags } from '../../linux/sys/descriptor.ts'
import { mountDetached } from '../../linux/sys/detached-mount.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import {
  makeFolder,
  namesIn,
  readSmallFile,
  removeFolder,
  statusOf,
  writeSmallFile,
} from '../../linux/sys/files.ts'
import { libc } from '../../linux/sys/libc.ts'

/**
 * Theory of operation. tracefs tells what happens inside the kernel, with no program loaded into it. Its settings are the
 * machine's, but a folder made in `instances` is a tracer of its own: with its own events, filters and buffers, beside
 * whatever others trace. We make one, read its pipe without waiting, and remove it. A killed process leaves its instance
 * behind, without effect but on memory and time; the next start removes it. An instance whose pipe somebody has open
 * cannot be removed, so those of living processes are safe.
 *
 * Where tracefs is mounted, that mount is used; else it is mounted for this process alone, at no place.
 */

const instancePattern = /^natspace-(\d+)(?:-\d+)?$/
/** Of the ring buffer of each CPU: some thousand lines. */
const bufferKilobytes = 512
/** Room for what is read at one go. */
const readSize = 64 * 1024

/** Why the kernel's own reasons are not to be had; `message` is for people. */
export class TracingUnavailableError extends Error {
  override readonly name = 'TracingUnavailableError'
  /** `no-privilege`: only root of the machine may; `no-tracefs`: the kernel has none; `no-event`: not this event. */
  readonly reason: 'no-privilege' | 'no-tracefs' | 'no-event'

  constructor(reason: TracingUnavailableError['reason'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}

/** An event that an instance reports: its folder and name, and a filter in the kernel's syntax. */
export type TracedEvent = { event: string; filter?: string }

/** Of making an instance that others do not remove at once. */
const mostAttempts = 5

let made = 0

/** A tracer of our own; removed when it is disposed of. */
export class TraceInstance implements Disposable {
  readonly #mount: Descriptor | undefined
  readonly #folder: string
  readonly #pipe: Descriptor
  readonly #decoder = new TextDecoder()
  /** The beginning of a line whose rest was not read yet. */
  #begun = ''

  private constructor(mount: Descriptor | undefined, folder: string, pipe: Descriptor) {
    this.#mount = mount
    this.#folder = folder
    this.#pipe = pipe
  }

  /**
   * Makes an instance that reports these events, and removes what killed processes left. Throws TracingUnavailableError,
   * and SystemError for all that is not foreseen.
   */
  static open(events: readonly TracedEvent[]): TraceInstance {
    for (let attempt = 1; ; attempt++)
      try {
        return TraceInstance.#make(events)
      } catch (error) {
        // Until its pipe is open, another process that starts now may take the new instance for one that was left.
        if (!(isGone(error) || isBusy(error)) || attempt === mostAttempts) throw error
      }
  }

  static #make(events: readonly TracedEvent[]): TraceInstance {
    const { mount, root } = openTracefs()
    let folder: string | undefined
    let pipe: Descriptor | undefined
    try {
      removeLeftInstances(root)
      const path = `${root}/instances/natspace-${process.pid}-${++made}`
      unlessForbidden(() => makeFolder(path, 0o700))
      folder = path
      // Opened at once: who else starts now takes it for one in use.
      pipe = Descriptor.open(`${path}/trace_pipe`, openFlags.readOnly | openFlags.nonBlock)
      writeSmallFile(`${path}/buffer_size_kb`, `${bufferKilobytes}`)
      for (const { event, filter } of events) enable(path, event, filter)
      return new TraceInstance(mount, path, pipe)
    } catch (error) {
      pipe?.close()
      try {
        if (folder !== undefined) removeUnlessBusy(folder)
      } finally {
        mount?.close()
      }
      throw error
    }
  }

  /** To wait for lines with `waitReadable`. */
  get descriptor(): number {
    return this.#pipe.number
  }

  /** The lines that have come by now; does not wait. Throws SystemError. */
  read(): string[] {
    const buffer = new Uint8Array(readSize)
    let text = this.#begun
    for (;;) {
      const length = libc().read(this.#pipe.number, buffer, buffer.length)
      if (length > 0) {
        text += this.#decoder.decode(buffer.subarray(0, length), { stream: true })
        continue
      }
      const number = length === 0 ? errno.EAGAIN : libc().errno()
      if (number === errno.EINTR) continue
      if (number !== errno.EAGAIN) throw new SystemError('read', number, `${this.#folder}/trace_pipe`)
      const lines = text.split('\n')
      this.#begun = lines.pop() ?? ''
      return lines
    }
  }

  /** Removes the instance, with its events. Throws SystemError. */
  [Symbol.dispose](): void {
    this.#pipe.close()
    try {
      removeUnlessGone(this.#folder)
    } finally {
      this.#mount?.close()
    }
  }
}

/** Once its pipe is closed, another process that starts now may remove it first. */
const removeUnlessGone = (folder: string): void => {
  try {
    removeFolder(folder)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

/** Who has its pipe open leaves it to the next start. */
const removeUnlessBusy = (folder: string): void => {
  try {
    removeUnlessGone(folder)
  } catch (error) {
    if (!isBusy(error)) throw error
  }
}

/** Somebody else has opened its pipe, or removes it at this moment. */
const isBusy = (error: unknown): boolean => error instanceof SystemError && error.errno === errno.EBUSY

/** An instance that is being removed answers ENODEV while its folder is still there. */
const isGone = (error: unknown): boolean =>
  error instanceof SystemError && (error.errno === errno.ENOENT || error.errno === errno.ENODEV)

/** Where tracefs is: the first mount of it, or one of our own. */
const openTracefs = (): { mount: Descriptor | undefined; root: string } => {
  const mounted = readSmallFile('/proc/self/mounts')
    .split('\n')
    .map(line => line.split(' '))
    .find(([, path = '', type]) => type === 'tracefs' && statusOf(`${path}/instances`) !== undefined)?.[1]
  if (mounted !== undefined) return { mount: undefined, root: mounted }
  try {
    const mount = mountDetached('tracefs')
    return { mount, root: `/proc/self/fd/${mount.number}` }
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause
    if (cause.errno === errno.EPERM || cause.errno === errno.EACCES) throw forbidden(cause)
    throw new TracingUnavailableError(
      'no-tracefs',
      `this kernel gives no reasons of dropped packets: tracefs cannot be mounted (${cause.code})`,
      cause,
    )
  }
}

const forbidden = (cause: unknown): TracingUnavailableError =>
  new TracingUnavailableError(
    'no-privilege',
    'the reasons of dropped packets are told only to root of the machine',
    cause,
  )

const unlessForbidden = (action: () => void): void => {
  try {
    action()
  } catch (error) {
    if (error instanceof SystemError && (error.errno === errno.EPERM || error.errno === errno.EACCES))
      throw forbidden(error)
    throw error
  }
}

const enable = (instance: string, event: string, filter: string | undefined): void => {
  const folder = `${instance}/events/${event}`
  if (statusOf(folder) === undefined)
    throw new TracingUnavailableError('no-event', `this kernel does not tell of ${event}`)
  if (filter !== undefined) setFilter(event, `${folder}/filter`, filter)
  writeSmallFile(`${folder}/enable`, '1')
}

const setFilter = (event: string, path: string, filter: string): void => {
  try {
    writeSmallFile(path, filter)
  } catch (error) {
    if (!(error instanceof SystemError && error.errno === errno.EINVAL)) throw error
    throw new TracingUnavailableError('no-event', `this kernel's ${event} lacks a field of: ${filter}`, error)
  }
}

/** Names of the instances of processes that are gone; [] where nobody may look, as then nobody made one. */
export const leftTraceInstances = (): string[] =>
  withTracefs(root => namesIn(`${root}/instances`).filter(isLeft))

const isLeft = (name: string): boolean => {
  const process = instancePattern.exec(name)?.[1]
  return process !== undefined && statusOf(`/proc/${process}`) === undefined
}

/** Removes them; returns the names of those that are gone now. Throws SystemError. Equivalent to: `rmdir …/tracing/instances/…` */
export const removeTraceInstances = (): string[] => withTracefs(root => removeLeftInstances(root, isLeft))

const withTracefs = (action: (root: string) => string[]): string[] => {
  let opened: ReturnType<typeof openTracefs> | undefined
  try {
    opened = openTracefs()
    return action(opened.root)
  } catch (error) {
    const mayNot =
      error instanceof TracingUnavailableError ||
      (error instanceof SystemError && (error.errno === errno.EPERM || error.errno === errno.EACCES))
    if (mayNot) return []
    throw error
  } finally {
    opened?.mount?.close()
  }
}

/** Removes the instances of processes that were killed; returns their names. */
const removeLeftInstances = (
  root: string,
  isMeant = (name: string): boolean => instancePattern.test(name),
): string[] => {
  let names: string[] = []
  unlessForbidden(() => {
    names = namesIn(`${root}/instances`)
  })
  return names.filter(isMeant).filter(name => {
    try {
      removeFolder(`${root}/instances/${name}`)
      return true
    } catch (error) {
      // In use by a living process, or removed by another that starts or ends at this moment.
      if (isGone(error) || isBusy(error)) return false
      throw error
    }
  })
}

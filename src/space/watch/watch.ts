import { waitReadable } from '../../linux/sys/poll.ts'
import { Watcher, type WatcherOptions } from './watcher.ts'

/** After the first sign others follow at once: looked at when none came for so many milliseconds, or at the latest after more. */
const quiet = 2
const latest = 15
/** The longest wait at one go: a signal that comes just before it must not be late by more. */
const slice = 1000

/** How long a single look waits for another natspace, and tries again. */
const oncePatience = 10_000

/** What is watched, where it is told, and when it ends. */
export type WatchOptions = WatcherOptions & {
  /** Whether to look once and end. */
  once?: boolean
  /** Asked between looks, never during a repair. */
  shouldEnd: () => boolean
  /** Whether fights and failures are to be forgotten now. */
  shouldResume?: () => boolean
  /** Waits until one of the descriptors can be read, for at most so many milliseconds. Default: poll(2). */
  wait?: (descriptors: readonly number[], milliseconds: number) => Promise<void>
}

/**
 * Watches spaces until it is to end. Returns whether everything is as asked for. Between looks the thread stands still in
 * poll(2), and signals end that. Throws what a look throws: STATE_UNREADABLE, and errors of the kernel.
 */
export const watch = async (options: WatchOptions): Promise<boolean> => {
  const { source, shouldEnd, shouldResume = () => false, wait = pollAndTurn } = options
  const now = options.now ?? Date.now
  const watcher = new Watcher(options)
  watcher.begin()
  const patience = now() + oncePatience
  let lookTook = 0
  for (;;) {
    const start = now()
    await watcher.check()
    lookTook = now() - start
    if (options.once && (!watcher.isPending || now() > patience)) break
    // At most half of the time is spent looking, however many signs there are.
    if (lookTook > 0 && !shouldEnd()) await wait([], Math.min(lookTook, slice))
    if (!(await nextReason())) break
  }
  watcher.end()
  return watcher.isContent

  /** Waits for a reason to look; false means the end. */
  async function nextReason(): Promise<boolean> {
    for (;;) {
      if (shouldResume()) watcher.resume()
      if (shouldEnd()) return false
      const left = watcher.due - now()
      if (left <= 0) return true
      await wait(source.descriptors, Math.min(left, slice))
      if (!watcher.hear()) continue
      const end = now() + latest
      while (now() < end && !shouldEnd()) {
        await wait(source.descriptors, quiet)
        if (!watcher.hear()) break
      }
      return !shouldEnd()
    }
  }
}

/** Waits in poll(2), and then lets handlers of signals run. */
const pollAndTurn = (descriptors: readonly number[], milliseconds: number): Promise<void> => {
  waitReadable(descriptors, milliseconds, 'end')
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}

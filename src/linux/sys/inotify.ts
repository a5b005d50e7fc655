import { Descriptor } from './descriptor.ts'
import { errno, SystemError } from './errno.ts'
import { cstring, libc } from './libc.ts'

const IN_NONBLOCK = 0o4000
const IN_CLOEXEC = 0o2000000

/** What can happen to a folder, or to a file in it (linux/inotify.h). */
const events = {
  modified: 0x2,
  written: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  created: 0x100,
  deleted: 0x200,
  deletedSelf: 0x400,
} as const
const IN_Q_OVERFLOW = 0x4000
const IN_MASK_ADD = 0x20000000

/** What is waited for: names that come and go in a folder, or a file that is written (also one of /proc/sys). */
export type Watched = 'folder' | 'file'

const masks: Record<Watched, number> = {
  folder:
    events.created | events.deleted | events.movedFrom | events.movedTo | events.written | events.deletedSelf,
  file: events.modified,
}

/** struct inotify_event without the name: watch, mask, cookie, length of the name. */
const headerSize = 16
const decoder = new TextDecoder()

/** Something that happened at a path that is watched. */
export type PathEvent = {
  /** The path as it was given to `add`. */
  path: string
  /** In a folder: the name in it. */
  name: string | undefined
}

/**
 * Waits for changes of folders and files, without asking again and again: inotify(7). A path is watched as what it led
 * to when it was added; when that is gone, it has to be added again.
 */
export class PathWatch implements Disposable {
  readonly #descriptor: Descriptor
  readonly #paths = new Map<number, string>()
  readonly #watches = new Map<string, number>()
  readonly #buffer = new Uint8Array(64 * 1024)

  private constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor
  }

  /** Throws SystemError (EMFILE: fs.inotify.max_user_instances). */
  static open(): PathWatch {
    const number = libc().inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
    if (number < 0) throw new SystemError('inotify_init1', libc().errno())
    return new PathWatch(new Descriptor(number))
  }

  /** To wait for events with `waitReadable`. */
  get descriptor(): number {
    return this.#descriptor.number
  }

  /**
   * Watches what a path leads to now, and no more what it led to before. Returns false when nothing is there. Throws
   * SystemError (ENOSPC: fs.inotify.max_user_watches).
   */
  add(path: string, watched: Watched): boolean {
    const number = libc().inotify_add_watch(this.descriptor, cstring(path), masks[watched] | IN_MASK_ADD)
    const reason = number < 0 ? libc().errno() : 0
    if (this.#watches.get(path) !== number) this.remove(path)
    if (number >= 0) {
      this.#paths.set(number, path)
      this.#watches.set(path, number)
      return true
    }
    if (reason === errno.ENOENT || reason === errno.ENOTDIR || reason === errno.EACCES) return false
    throw new SystemError('inotify_add_watch', reason, path)
  }

  /** Watches a path no more. */
  remove(path: string): void {
    const number = this.#watches.get(path)
    if (number === undefined) return
    // It fails where the kernel has ended the watch already, with what was watched.
    libc().inotify_rm_watch(this.descriptor, number)
    this.#watches.delete(path)
    this.#paths.delete(number)
  }

  /** The paths that are watched. */
  get paths(): readonly string[] {
    return [...this.#watches.keys()]
  }

  /** What has happened by now, in order; 'lost' where the kernel dropped some. Does not wait. Throws SystemError. */
  read(): (PathEvent | 'lost')[] {
    const found: (PathEvent | 'lost')[] = []
    for (;;) {
      const length = libc().read(this.descriptor, this.#buffer, this.#buffer.length)
      if (length < 0) {
        const number = libc().errno()
        if (number === errno.EAGAIN) return found
        if (number === errno.EINTR) continue
        throw new SystemError('read', number)
      }
      this.#decode(length, found)
      // One that fills most of the buffer may have more behind it; less than that was all there was.
      if (length < this.#buffer.length / 2) return found
    }
  }

  #decode(length: number, found: (PathEvent | 'lost')[]): void {
    const view = new DataView(this.#buffer.buffer)
    for (let at = 0; at + headerSize <= length; ) {
      const mask = view.getUint32(at + 4, true)
      const size = view.getUint32(at + 12, true)
      const bytes = this.#buffer.subarray(at + headerSize, at + headerSize + size)
      const end = bytes.indexOf(0)
      const path = this.#paths.get(view.getInt32(at, true))
      if ((mask & IN_Q_OVERFLOW) !== 0) found.push('lost')
      else if (path !== undefined)
        found.push({
          path,
          name: size === 0 ? undefined : decoder.decode(end < 0 ? bytes : bytes.subarray(0, end)),
        })
      at += headerSize + size
    }
  }

  [Symbol.dispose](): void {
    this.#descriptor.close()
  }
}

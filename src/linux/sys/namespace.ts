import { Descriptor, openFlags } from './descriptor.ts'
import { errno, SystemError } from './errno.ts'
import { removeFile } from './files.ts'
import { cstring, libc } from './libc.ts'

/**
 * Theory of operation. A socket belongs to the network namespace of the thread that created it, for ever; so the only
 * thing that has to happen inside another namespace is creating the socket (or opening a file of /proc/sys/net).
 * `insideNamespace` enters, runs a short synchronous function and leaves. No `await` can fall inside, nothing that
 * may start a thread is called inside, and if the way back fails the process aborts: going on in the wrong namespace
 * could change the wrong machine.
 */

const CLONE_NEWNS = 0x00020000
const CLONE_NEWNET = 0x40000000
const NSFS_MAGIC = 0x6e736673
const NS_GET_NSTYPE = 0xb703
const MS_BIND = 4096
const MS_REC = 16384
const MS_RDONLY = 1
const MS_REMOUNT = 1 << 5
const MS_SLAVE = 1 << 19
const MS_SHARED = 1 << 20
const MNT_DETACH = 2

/** This thread's network namespace: /proc/thread-self, as each thread has its own. */
export const ownNamespacePath = '/proc/thread-self/ns/net'

/** Why a path is no network namespace: `missing`, `not a namespace` (a plain file is left there), or `another kind`. */
export class NamespaceError extends Error {
  override readonly name = 'NamespaceError'
  readonly path: string
  readonly reason: 'missing' | 'not-a-namespace' | 'another-kind' | 'no-access'

  constructor(path: string, reason: NamespaceError['reason'], cause?: unknown) {
    super(`${path} is no usable network namespace: ${reason}`, cause === undefined ? undefined : { cause })
    this.path = path
    this.reason = reason
  }
}

/** struct statfs, which begins with f_type, a word of the machine's size; filled in by each call. */
const statfs = new Uint8Array(120)
const statfsView = new DataView(statfs.buffer)

/**
 * Opens a network namespace by path and proves on the descriptor itself that it is one (fstatfs NSFS_MAGIC, then
 * ioctl NS_GET_NSTYPE), so that nothing can be swapped in between. Symbolic links are followed only for /proc paths.
 * Throws NamespaceError. Equivalent to the check of: `ip netns exec NAME`
 */
export const openNamespace = (path: string): Descriptor => {
  const follow = path.startsWith('/proc/') ? 0 : openFlags.noFollow
  let file: Descriptor
  try {
    file = Descriptor.open(path, openFlags.readOnly | openFlags.nonBlock | follow)
  } catch (cause) {
    const number = cause instanceof SystemError ? cause.errno : 0
    const missing = number === errno.ENOENT || number === errno.ENOTDIR
    const noAccess = number === errno.EACCES || number === errno.EPERM
    throw new NamespaceError(path, missing ? 'missing' : noAccess ? 'no-access' : 'not-a-namespace', cause)
  }
  const isNamespace =
    libc().fstatfs(file.number, statfs) === 0 && statfsView.getUint32(0, true) === NSFS_MAGIC
  const type = isNamespace ? libc().ioctl(file.number, NS_GET_NSTYPE, 0) : -1
  if (type === CLONE_NEWNET) return file
  file.close()
  throw new NamespaceError(path, isNamespace ? 'another-kind' : 'not-a-namespace')
}

const enter = (fd: number): void => {
  if (libc().setns(fd, CLONE_NEWNET) !== 0) throw new SystemError('setns', libc().errno())
}

const leave = (home: Descriptor): void => {
  if (libc().setns(home.number, CLONE_NEWNET) === 0) return
  process.stderr.write('natspace: cannot return to the own network namespace; stopping at once\n')
  process.abort()
}

/** Runs `section` with this thread inside the namespace `fd`, then returns. Throws SystemError when entering fails (EPERM). */
export const insideNamespace = <T>(fd: number, section: () => T): T => {
  using home = Descriptor.open(ownNamespacePath, openFlags.readOnly)
  enter(fd)
  try {
    return section()
  } finally {
    leave(home)
  }
}

/** Enters a namespace for good: only for a process that is about to be replaced (exec). */
export const enterNamespace = (fd: number): void => enter(fd)

/**
 * Creates a network namespace and pins it at `path` by a bind mount; returns its descriptor. The path must not exist.
 * `prepare` runs with this thread inside, before anybody else can find the namespace. Throws SystemError (EEXIST, EPERM),
 * and what `prepare` throws. Equivalent to: `ip netns add NAME`
 */
export const createNamespace = (path: string, prepare?: (namespace: Descriptor) => void): Descriptor => {
  Descriptor.open(path, openFlags.readOnly | openFlags.create | openFlags.exclusive, 0).close()
  using home = Descriptor.open(ownNamespacePath, openFlags.readOnly)
  if (libc().unshare(CLONE_NEWNET) !== 0) {
    const number = libc().errno()
    removeFile(path)
    throw new SystemError('unshare', number, path)
  }
  let namespace: Descriptor | undefined
  try {
    namespace = Descriptor.open(ownNamespacePath, openFlags.readOnly)
    prepare?.(namespace)
    if (libc().mount(cstring(ownNamespacePath), cstring(path), cstring('none'), MS_BIND, null) !== 0)
      throw new SystemError('mount', libc().errno(), path)
    return namespace
  } catch (error) {
    namespace?.close()
    removeFile(path)
    throw error
  } finally {
    leave(home)
  }
}

/**
 * Creates a network namespace without a name: it ends, with all that is in it, when the descriptor and the sockets made
 * in it are closed. This thread stays where it is. Throws SystemError (EPERM; EINVAL without CONFIG_NET_NS).
 * Equivalent to: `unshare --net`, for as long as it runs
 */
export const createAnonymousNamespace = (): Descriptor => {
  using home = Descriptor.open(ownNamespacePath, openFlags.readOnly)
  if (libc().unshare(CLONE_NEWNET) !== 0) throw new SystemError('unshare', libc().errno())
  try {
    return Descriptor.open(ownNamespacePath, openFlags.readOnly)
  } finally {
    leave(home)
  }
}

/** Unpins a namespace (its processes, if any, keep it alive). Equivalent to the first half of: `ip netns del NAME` */
export const unmountNamespace = (path: string): void => {
  if (libc().umount2(cstring(path), MNT_DETACH) !== 0) throw new SystemError('umount2', libc().errno(), path)
}

/**
 * Makes the folder a shared mount of its own, so that namespaces pinned below it show up in every mount namespace that
 * receives from here. Returns whether a mount had to be added. Equivalent to what `ip netns add` does at its first run.
 */
export const shareMount = (folder: string): boolean => {
  const share = () => libc().mount(cstring(''), cstring(folder), cstring('none'), MS_SHARED | MS_REC, null)
  if (share() === 0) return false
  if (libc().errno() !== errno.EINVAL) throw new SystemError('mount', libc().errno(), folder)
  if (libc().mount(cstring(folder), cstring(folder), cstring('none'), MS_BIND | MS_REC, null) !== 0)
    throw new SystemError('mount', libc().errno(), folder)
  if (share() !== 0) throw new SystemError('mount', libc().errno(), folder)
  return true
}

/**
 * Gives this process a mount namespace of its own whose changes are seen nowhere else.
 * Equivalent to: `unshare --mount --propagation slave`
 */
export const privateMounts = (): void => {
  if (libc().unshare(CLONE_NEWNS) !== 0) throw new SystemError('unshare', libc().errno())
  if (libc().mount(cstring(''), cstring('/'), cstring('none'), MS_SLAVE | MS_REC, null) !== 0)
    throw new SystemError('mount', libc().errno(), '/')
}

/** Equivalent to: `mount --bind SOURCE TARGET`, or with `--rbind` for all that is mounted below too. */
export const bindMount = (source: string, target: string, below: 'alone' | 'with-below' = 'alone'): void => {
  const flags = below === 'alone' ? MS_BIND : MS_BIND | MS_REC
  if (libc().mount(cstring(source), cstring(target), cstring('none'), flags, null) !== 0)
    throw new SystemError('mount', libc().errno(), target)
}

/** What is mounted at `target` may only be read from now on, by this mount. Equivalent to: `mount -o remount,bind,ro TARGET` */
export const remountReadOnly = (target: string): void => {
  const flags = MS_REMOUNT | MS_BIND | MS_RDONLY
  if (libc().mount(cstring('none'), cstring(target), cstring('none'), flags, null) !== 0)
    throw new SystemError('mount', libc().errno(), target)
}

/** Equivalent to: `mount -t TYPE none TARGET` */
export const mountFileSystem = (type: string, target: string, options = ''): void => {
  if (libc().mount(cstring(type), cstring(target), cstring(type), 0, cstring(options)) !== 0)
    throw new SystemError('mount', libc().errno(), target)
}

/** Equivalent to: `umount --lazy TARGET` */
export const unmount = (target: string): void => {
  if (libc().umount2(cstring(target), MNT_DETACH) !== 0)
    throw new SystemError('umount2', libc().errno(), target)
}

import { Descriptor } from '../sys/descriptor.ts'
import { errno, SystemError } from '../sys/errno.ts'
import { readSmallFile, statusOf, writeSmallFile } from '../sys/files.ts'
import { libc } from '../sys/libc.ts'
import { capability, hasCapability } from '../sys/process.ts'
import { sysctlPath } from '../sysctl.ts'
import { type Finding, findingOf, type Question } from './answer.ts'

/** The text of a small file, or undefined when there is none. Throws SystemError. */
const readIfThere = (path: string): string | undefined => {
  try {
    return readSmallFile(path).trim()
  } catch (error) {
    if (error instanceof SystemError && error.errno === errno.ENOENT) return undefined
    throw error
  }
}

/** Whether a path is there. Equivalent to: `test -e PATH` */
export const path =
  (name: string): Question =>
  () =>
    statusOf(name, true) === undefined ? { refused: `there is no ${name}` } : 'yes'

/** Whether the kernel has a file system. Equivalent to: `grep -w NAME /proc/filesystems` */
export const fileSystem =
  (name: string): Question =>
  () =>
    readSmallFile('/proc/filesystems').split(/\s+/).includes(name)
      ? 'yes'
      : { refused: `/proc/filesystems has no ${name}` }

const SOCK_DGRAM = 2
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const AF_INET6 = 10
const AF_PACKET = 17

/** socket(2) inside; the socket is closed at once. */
const socketFinding = (family: number, type: number): Finding => {
  const number = libc().socket(family, type | SOCK_CLOEXEC, 0)
  if (number < 0) return findingOf(new SystemError('socket', libc().errno()), ['EAFNOSUPPORT'])
  new Descriptor(number).close()
  return 'yes'
}

/** Whether packets can be captured (AF_PACKET). */
export const packetSocket: Question = place => place.inside(() => socketFinding(AF_PACKET, SOCK_RAW))

/** Whether there is IPv6: it may be built in, and switched off for good when the kernel starts. */
export const ipv6: Question = () => {
  const finding = socketFinding(AF_INET6, SOCK_DGRAM)
  if (finding === 'yes' || !('refused' in finding)) return finding
  const disabled = readIfThere('/sys/module/ipv6/parameters/disable')
  return disabled === '1'
    ? { refused: `${finding.refused}; the kernel was started with ipv6.disable=1`, option: 'ipv6.disable=0' }
    : finding
}

/** Whether IPv4 forwarding can be turned on, tried inside. Equivalent to: `sysctl -w net.ipv4.ip_forward=1` */
export const writableForwarding: Question = place => {
  try {
    place.inside(() => writeSmallFile(sysctlPath('net.ipv4.ip_forward'), '1'))
    return 'yes'
  } catch (error) {
    if (!(error instanceof SystemError) || error.call === 'unshare') throw error
    if (error.errno === errno.EROFS) return { refused: error.message, option: 'a writable /proc/sys' }
    return findingOf(error)
  }
}

/** Settings that refuse user namespaces, the value with which they do, and one with which they do not. */
export const userNamespaceSettings: readonly {
  name: string
  refuses: string
  allows: string
  spares: 'root' | 'nobody'
}[] = [
  { name: 'user.max_user_namespaces', refuses: '0', allows: '15000', spares: 'nobody' },
  { name: 'kernel.unprivileged_userns_clone', refuses: '0', allows: '1', spares: 'root' },
  { name: 'kernel.apparmor_restrict_unprivileged_userns', refuses: '1', allows: '0', spares: 'root' },
]

/**
 * Whether this process may make user namespaces, as far as settings tell: to try it takes a process with one thread.
 * Equivalent to: `unshare --user true`
 */
export const userNamespace: Question = () => {
  if (statusOf('/proc/self/ns/user', true) === undefined) return { refused: 'there is no /proc/self/ns/user' }
  return userNamespaceFinding(name => readIfThere(sysctlPath(name)), hasCapability(capability.sysAdmin))
}

/** What the settings say; `read` gives their values, undefined for one that this kernel does not have. */
export const userNamespaceFinding = (
  read: (name: string) => string | undefined,
  privileged: boolean,
): Finding => {
  const guilty = userNamespaceSettings.find(
    ({ name, refuses, spares }) => !(spares === 'root' && privileged) && read(name) === refuses,
  )
  return guilty === undefined
    ? 'yes'
    : { refused: `${guilty.name} = ${guilty.refuses}`, option: `${guilty.name}=${guilty.allows}` }
}

import { SystemError } from './errno.ts'
import { readSmallFile } from './files.ts'
import { cstring, libc } from './libc.ts'

/** Capabilities that natspace needs (linux/capability.h). */
export const capability = { netBroadcast: 11, netAdmin: 12, netRaw: 13, sysAdmin: 21 } as const

/** Which of these capabilities this process lacks in its user namespace (CapEff of /proc/self/status). */
export const lackingCapabilities = (bits: readonly number[]): number[] => {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readSmallFile('/proc/self/status'))?.[1] ?? '0'
  const held = BigInt(`0x${effective}`)
  return bits.filter(bit => ((held >> BigInt(bit)) & 1n) === 0n)
}

/** Whether this process has a capability in its user namespace. */
export const hasCapability = (bit: number): boolean => lackingCapabilities([bit]).length === 0

/** Whom a program is to run as. */
export type Identity = { user: number; group: number; groups: readonly number[] }

/** Becomes another user for good: groups first, as they need the privilege that goes last. Throws SystemError. */
export const becomeUser = ({ user, group, groups }: Identity): void => {
  const list = new Uint8Array(new Uint32Array(groups).buffer)
  if (libc().setgroups(groups.length, list) !== 0) throw new SystemError('setgroups', libc().errno())
  if (libc().setresgid(group, group, group) !== 0) throw new SystemError('setresgid', libc().errno())
  if (libc().setresuid(user, user, user) !== 0) throw new SystemError('setresuid', libc().errno())
}

const SIGPIPE = 13
const SIGXFSZ = 25
const SIG_SETMASK = 2
const CLOSE_RANGE_CLOEXEC = 4
const F_SETFD = 2

/**
 * Replaces this process by a program: the signals that the runtime ignores or blocks are as they were, and no
 * descriptor but the standard three, and those `kept`, is handed on. Returns only by throwing SystemError.
 * Equivalent to: `exec PROGRAM ARGS`
 */
export const replaceProcess = (
  path: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  kept: readonly number[] = [],
): never => {
  libc().signal(SIGPIPE, 0)
  libc().signal(SIGXFSZ, 0)
  libc().sigprocmask(SIG_SETMASK, new Uint8Array(128), null)
  libc().close_range(3, 0xffffffff, CLOSE_RANGE_CLOEXEC)
  // Node has them closed at an exec, too (uv_disable_stdio_inheritance).
  for (const descriptor of [0, 1, 2, ...kept]) libc().fcntl(descriptor, F_SETFD, 0)
  const argv = pointerList(args)
  const env = pointerList(
    Object.entries(environment).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`])),
  )
  libc().execve(cstring(path), argv.pointers, env.pointers)
  const number = libc().errno()
  // The strings must outlive the call; without this use an optimiser might drop them.
  if (argv.strings.length + env.strings.length === 0) throw new SystemError('execve', number)
  throw new SystemError('execve', number, path)
}

const pointerList = (texts: readonly string[]) => {
  const strings = texts.map(cstring)
  const addresses = new BigUint64Array([...strings.map(text => libc().address(text)), 0n])
  return { strings, pointers: new Uint8Array(addresses.buffer) }
}

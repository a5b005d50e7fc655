import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs'
import { bindMount, mountFileSystem, privateMounts, unmount } from '../../linux/sys/namespace.ts'
import type { Resolver } from './resolver.ts'

/**
 * Theory of operation. A program in a space sees the files of this host, but for three things, which are mounted in a
 * mount namespace of its own and seen nowhere else: /sys, whose class/net shows the links of the namespace that mounted
 * it; the files of /etc/netns/NAME over those of /etc, as ip-netns(8) has it; and /etc/resolv.conf, where the host's
 * would lead nowhere. Whatever cannot be mounted is told and left out, as `ip netns exec` does.
 */

export type Mounts = {
  /** Name of the namespace, when it is one of /run/netns. */
  name: string | undefined
  resolver: Resolver
  warn: (text: string) => void
}

const resolvConf = '/etc/resolv.conf'

/**
 * Gives this process its own mounts. The network namespace must be entered already. Throws SystemError when there can
 * be no mount namespace. Equivalent to: `ip netns exec NAME` as far as mounts go
 */
export const mountForSpace = ({ name, resolver, warn }: Mounts): void => {
  privateMounts()
  const own = name === undefined ? [] : ownFiles(`/etc/netns/${name}`)
  for (const { source, target } of own) attempt(warn, target, () => bindMount(source, target))
  if (resolver !== undefined && !own.some(({ target }) => target === resolvConf))
    attempt(warn, resolvConf, () => showResolver(resolver))
  attempt(warn, '/sys', mountSys)
}

const attempt = (warn: (text: string) => void, target: string, mount: () => void): void => {
  try {
    mount()
  } catch (error) {
    warn(`${target} is that of the host: ${(error as Error).message}`)
  }
}

const ownFiles = (folder: string): { source: string; target: string }[] => {
  if (!existsSync(folder)) return []
  return readdirSync(folder).map(name => ({ source: `${folder}/${name}`, target: `/etc/${name}` }))
}

/**
 * A bind mount needs a file of a mounted file system, and none may be left on the host: the text stands in a small one
 * in memory, on /sys (which gets another mount anyway), and stays with its bind mount alone.
 */
const showResolver = (resolver: NonNullable<Resolver>): void => {
  const target = realpathSync(resolvConf)
  if ('file' in resolver) {
    bindMount(resolver.file, target)
    return
  }
  mountFileSystem('tmpfs', '/sys', 'mode=755,size=64k')
  try {
    const file = '/sys/resolv.conf'
    writeFileSync(file, resolver.text)
    // Whatever the umask is, the program must be able to read it.
    chmodSync(file, 0o644)
    bindMount(file, target)
  } finally {
    unmount('/sys')
  }
}

/** A new sysfs over the old; what is mounted below the old (cgroups, debugfs…) is shown below the new. */
const mountSys = (): void => {
  const below = mountsBelow(readFileSync('/proc/thread-self/mountinfo', 'utf8'), '/sys')
  const kept = below.flatMap(path => {
    const descriptor = openPath(path)
    return descriptor === undefined ? [] : [{ path, descriptor }]
  })
  try {
    mountFileSystem('sysfs', '/sys')
    for (const { path, descriptor } of kept) keep(path, descriptor)
  } finally {
    for (const { descriptor } of kept) closeSync(descriptor)
  }
}

const O_PATH = 0o10000000

const openPath = (path: string): number | undefined => {
  try {
    return openSync(path, O_PATH)
  } catch {
    // Hidden by a later mount, or gone: nothing to keep.
    return undefined
  }
}

const keep = (path: string, descriptor: number): void => {
  try {
    // A mount that came from another user namespace can only be bound with all that hides something below it.
    bindMount(`/proc/thread-self/fd/${descriptor}`, path, 'with-below')
  } catch {
    // The new sysfs may lack the folder, or the mount be locked: the program does without, as under `ip netns exec`.
  }
}

/** The outermost mount points below a folder (proc_pid_mountinfo(5), field 5; blanks are written as \040). */
export const mountsBelow = (mountinfo: string, folder: string): string[] => {
  const points = mountinfo
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .map(point =>
      point.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    )
  const below = [...new Set(points.filter(point => point.startsWith(`${folder}/`)))]
  return below.filter(point => !below.some(outer => point.startsWith(`${outer}/`)))
}

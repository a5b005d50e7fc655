import {
  changeMode,
  createFile,
  exists,
  makeFolder,
  namesIn,
  readSmallFile,
  realPath,
} from '../../linux/sys/files.ts'
import { bindMount, mountFileSystem, privateMounts, unmount } from '../../linux/sys/namespace.ts'
import type { Resolver } from '../resolver/resolver.ts'
import { mountKeepingBelow } from './keep-mounts.ts'
import { coverResolverDaemons } from './resolver-daemons.ts'

/**
 * Theory of operation. A program in a space sees the files of this host, but for four things, which are mounted in a
 * mount namespace of its own and seen nowhere else: /sys, whose class/net shows the links of the namespace that mounted
 * it; the files of /etc/netns/NAME over those of /etc, as ip-netns(8) has it; /etc/resolv.conf, where the host's would
 * lead nowhere; and the folders of resolver daemons. Whatever cannot be mounted is told and left out, as `ip netns exec`
 * does.
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
  const isHosts = (path: string, error: Error) => warn(`${path} is that of the host: ${error.message}`)
  const attempt = (path: string, mount: () => void, failed = isHosts): void => {
    try {
      mount()
    } catch (error) {
      failed(path, error as Error)
    }
  }
  privateMounts()
  coverResolverDaemons(resolver.text, isHosts)
  const own = name === undefined ? [] : ownFiles(`/etc/netns/${name}`)
  const hasOwn = own.some(({ target }) => target === resolvConf)
  if ((hasOwn || resolver.hasServer) && !exists(resolvConf))
    attempt(
      resolvConf,
      () => addResolvConf(resolver.text),
      (path, error) => warn(`${path} is not there, and nothing can be shown in its place: ${error.message}`),
    )
  for (const { source, target } of own) attempt(target, () => bindMount(source, target))
  if (!hasOwn && exists(resolvConf)) attempt(resolvConf, () => showResolver(resolver.text))
  attempt('/sys', () => mountKeepingBelow('/sys', () => mountFileSystem('sysfs', '/sys')))
}

const ownFiles = (folder: string): { source: string; target: string }[] => {
  if (!exists(folder)) return []
  return namesIn(folder).map(name => ({ source: `${folder}/${name}`, target: `/etc/${name}` }))
}

const showResolver = (text: string): void => {
  if (readSmallFile(resolvConf) === text) return
  withFile(text, ({ file }) => bindMount(file, realPath(resolvConf)))
}

/**
 * A file cannot be mounted where none is, and none may be left on the host. So /etc itself gets a mount, of two layers:
 * this one file, and the folder as it is. Both can only be read: what the program believed to have written to /etc would
 * be lost with it.
 */
const addResolvConf = (text: string): void =>
  withFile(text, ({ folder }) =>
    mountKeepingBelow('/etc', () => mountFileSystem('overlay', '/etc', `lowerdir=${folder}:/etc`)),
  )

/**
 * Gives a resolv.conf in a folder of its own for as long as `use` takes, and no longer but for what was mounted of it:
 * in memory, on /sys (which gets another mount anyway).
 */
const withFile = (text: string, use: (at: { file: string; folder: string }) => void): void => {
  const folder = '/sys/etc'
  const file = `${folder}/resolv.conf`
  mountFileSystem('tmpfs', '/sys', 'mode=755,size=1m')
  try {
    makeFolder(folder, 0o755)
    createFile(file, text, 0o644)
    // Whatever the umask is, the program must be able to read it.
    changeMode(folder, 0o755)
    changeMode(file, 0o644)
    use({ file, folder })
  } finally {
    unmount('/sys')
  }
}

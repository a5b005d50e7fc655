import { changeMode, createFile, namesIn, realPath, statusOf } from '../../linux/sys/files.ts'
import { mountFileSystem } from '../../linux/sys/namespace.ts'

/**
 * Theory of operation. A Unix socket knows no network namespace: a program in a space that connects to nscd,
 * systemd-resolved or Avahi is answered by the host, with the host's view of names, and past all that keeps the space
 * apart. So their folders are covered: each socket is a plain file there, which refuses every connection (ECONNREFUSED), and
 * the libraries go on to DNS: glibc when it cannot connect to nscd; nss-resolve and nss-mdns by UNAVAIL, for which
 * nsswitch.conf has `dns` after them. The folders are covered and not the sockets, as a daemon that starts again makes a
 * new socket, and with the old one a mount on it would be gone.
 *
 * Left alone are sockets that serve more than names of hosts: the bus of D-Bus, by which `resolvectl` and the nss-resolve of
 * systemd before 247 ask, and that of sssd, which knows users.
 */

/** /run/systemd/resolve: sockets, and the two files that /etc/resolv.conf may be a link to. */
const resolvedFolder = '/run/systemd/resolve'

/** Where these daemons listen. /var/run is a link to /run nearly everywhere. */
const folders = ['/run/nscd', '/var/run/nscd', resolvedFolder, '/run/avahi-daemon']

/**
 * Covers the folders of the host's resolver daemons in this mount namespace, which must be private. `resolvConf` is the text
 * that stands in the files of systemd-resolved; `failed` is told which folder stays open, and why.
 */
export const coverResolverDaemons = (
  resolvConf: string,
  failed: (folder: string, error: Error) => void,
): void => {
  for (const folder of new Set(folders.flatMap(path => realFolder(path) ?? []))) {
    try {
      cover(folder, folder === resolvedFolder ? resolvConf : undefined)
    } catch (error) {
      failed(folder, error as Error)
    }
  }
}

const realFolder = (path: string): string | undefined => {
  try {
    return realPath(path)
  } catch {
    // This daemon is not on this host.
    return undefined
  }
}

const cover = (folder: string, resolvConf: string | undefined): void => {
  const sockets = namesIn(folder).filter(name => isSocket(`${folder}/${name}`))
  mountFileSystem('tmpfs', folder, 'mode=755,size=1m')
  // Whoever may write to it is refused the connection; anybody else would be refused access.
  for (const name of sockets) write(`${folder}/${name}`, '', 0o666)
  if (resolvConf === undefined) return
  for (const name of ['resolv.conf', 'stub-resolv.conf']) write(`${folder}/${name}`, resolvConf, 0o644)
}

/** Whatever the file mode mask is. */
const write = (file: string, text: string, mode: number): void => {
  createFile(file, text, mode)
  changeMode(file, mode)
}

/** S_IFMT and S_IFSOCK of linux/stat.h. */
const isSocket = (path: string): boolean => ((statusOf(path)?.mode ?? 0) & 0o170000) === 0o140000

import { SystemError } from '../../linux/sys/errno.ts'
import { linkTarget, namesIn, readSmallFile } from '../../linux/sys/files.ts'
import { findSocketOwner } from '../../linux/sys/socket-owner.ts'
import type { Culprit, Sign } from './sign.ts'

/**
 * Theory of operation. A change of the ruleset comes with the process that made it. Any other change comes with the port
 * number of a netlink socket at most: the kernel chooses that, mostly the number of the process that opened it. That is a
 * hint where to look and no proof, so a process is named only when it was seen to hold the socket with that number. One
 * that ends at once (ip) has to be looked at at once, and even then it may be gone: then only the number is told.
 */

export type Process = Extract<Culprit, { kind: 'process' }>

/** Characters of a command line that are shown. */
const longestCommand = 200

/** Something of /proc; undefined where the process has ended meanwhile, or may not be looked at. */
const unlessGone = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch (error) {
    if (error instanceof SystemError) return undefined
    throw error
  }
}

/** A process that the kernel named, with its command line while it still runs. */
export const processNamed = (pid: number, name: string): Process => {
  const known = { kind: 'process', pid, name } as const
  // In another PID namespace the number may be somebody else's: the name tells.
  if (nameOf(pid) !== name) return known
  const words = unlessGone(() => readSmallFile(`/proc/${pid}/cmdline`))
  const command = words?.replaceAll('\0', ' ').trim().slice(0, longestCommand)
  return command ? { ...known, command } : known
}

const nameOf = (pid: number): string | undefined =>
  unlessGone(() => readSmallFile(`/proc/${pid}/comm`))?.replace(/\n$/, '')

/** Inode of the rtnetlink socket with a port number, of the network namespace of a process (/proc/PID/net/netlink). */
const inodeOfPort = (process: number | 'thread-self', port: number): string | undefined => {
  const table = unlessGone(() => readSmallFile(`/proc/${process}/net/netlink`)) ?? ''
  for (const line of table.split('\n').slice(1)) {
    // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    const [, protocol, id, , , , , , , inode] = line.trim().split(/\s+/)
    if (protocol === '0' && Number(id) === port) return inode
  }
  return undefined
}

/** The process with the number of the port, if it holds the socket with it now. Takes three files, and no more. */
export const processAtPort = (port: number): Process | undefined => {
  const inode = inodeOfPort(port, port)
  if (inode === undefined) return undefined
  const folder = `/proc/${port}/fd`
  const holds = (unlessGone(() => namesIn(folder)) ?? []).some(
    name => unlessGone(() => linkTarget(`${folder}/${name}`)) === `socket:[${inode}]`,
  )
  const name = holds ? nameOf(port) : undefined
  return name === undefined ? undefined : processNamed(port, name)
}

/** Who holds the socket with this port number by now, of all processes; the number alone where nobody does. */
const holderOfPort = (port: number): Culprit => {
  const inode = inodeOfPort('thread-self', port)
  const owner = inode === undefined ? undefined : findSocketOwner(Number(inode))
  return owner === undefined ? { kind: 'port', port } : processNamed(owner.pid, owner.command)
}

/** Who gave these signs, each once and without this process. Asks the machine who holds which socket. */
export const culpritsOf = (signs: readonly Sign[], ownPid: number): Culprit[] => {
  const found = new Map<string, Culprit>()
  for (const { by, port } of signs) {
    if (by !== undefined) found.set(`${by.pid} ${by.name}`, by)
    else if (port !== undefined && !found.has(`port ${port}`)) found.set(`port ${port}`, holderOfPort(port))
  }
  return [...found.values()].filter(item => item.kind !== 'process' || item.pid !== ownPid)
}

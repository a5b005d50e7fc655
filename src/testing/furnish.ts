import { readlinkSync } from 'node:fs'
import { type Change, ChangeError, type Where } from '../linux/change.ts'
import { LinuxKernel } from '../linux/linux.ts'
import { errno, SystemError } from '../linux/sys/errno.ts'
import { mountFileSystem } from '../linux/sys/namespace.ts'

const outside = '/run/netns/outside'
const host = { address: '192.0.2.2', router: '192.0.2.1', prefixLength: 24 } as const
const indexes = { host: 100, outside: 101 } as const
/** Locally administered (IEEE 802). */
const macs = { host: '02:00:00:00:02:02', outside: '02:00:00:00:02:01' } as const

/**
 * Gives fresh namespaces what a host has: a /proc, a /run, a loopback that is up, and an uplink. Throws Error where this
 * process is not in a network, or among mounts, of its own: those of others must not be touched.
 */
export const furnish = (uplink: boolean): void => {
  using kernel = new LinuxKernel()
  const strangers = kernel.links(undefined).filter(link => link.up)
  if (strangers.length > 0)
    throw new Error(
      `this is no fresh network namespace: ${strangers.map(({ name }) => name).join(', ')} is up in it`,
    )
  if (isOfInit()) throw new Error('this is no fresh mount namespace: it is that of the first process')
  mountProcesses()
  mountFileSystem('tmpfs', '/run', 'mode=755')
  carryOut(kernel, [{ type: 'link.set', where: undefined, name: 'lo', index: 1, up: true }])
  if (uplink) carryOut(kernel, uplinkChanges())
}

/** Whether the mounts are those of the first process: a /run that is mounted over would be missed by everybody. */
const isOfInit = (): boolean => {
  try {
    return readlinkSync('/proc/1/ns/mnt') === readlinkSync('/proc/self/ns/mnt')
  } catch {
    // The namespaces of process 1 are hidden from us: then they are not ours.
    return false
  }
}

/** The processes of this namespace by their own numbers: those of the host's /proc are others. */
const mountProcesses = (): void => {
  try {
    mountFileSystem('proc', '/proc')
  } catch (error) {
    // A container whose /proc is partly covered shows no other one: then the command sees the numbers of the host.
    if (!(error instanceof SystemError) || error.errno !== errno.EPERM) throw error
  }
}

const uplinkChanges = (): Change[] => [
  { type: 'directory.add', path: '/run/netns', mode: 0o755 },
  { type: 'namespace.add', path: outside },
  {
    type: 'veth.add',
    where: undefined,
    name: 'eth0',
    index: indexes.host,
    address: macs.host,
    mtu: 1500,
    peer: { where: outside, name: 'eth0', index: indexes.outside, address: macs.outside, mtu: 1500 },
  },
  ...endChanges(undefined, indexes.host, host.address),
  ...endChanges(outside, indexes.outside, host.router),
  { type: 'link.set', where: outside, name: 'lo', index: 1, up: true },
  {
    type: 'route.add',
    where: undefined,
    name: 'eth0',
    index: indexes.host,
    destination: '0.0.0.0/0',
    gateway: host.router,
  },
]

const endChanges = (where: Where, index: number, address: string): Change[] => [
  { type: 'address.add', where, name: 'eth0', index, address, prefixLength: host.prefixLength },
  { type: 'link.set', where, name: 'eth0', index, up: true },
]

const carryOut = (kernel: LinuxKernel, changes: readonly Change[]): void => {
  for (const outcome of kernel.change(changes)) if (outcome instanceof ChangeError) throw outcome
}

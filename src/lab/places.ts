import type { Where } from '../linux/change.ts'
import { openNamespace, ownNamespacePath } from '../linux/sys/namespace.ts'
import { NatspaceError } from '../space/errors.ts'

/** Who takes part in the lab, and where. host1 is the namespace that this process runs in: natspace's "host". */
export const places = {
  host1: undefined,
  host2: '/run/netns/host2',
  lan: '/run/netns/lan',
  myspace: '/run/netns/myspace',
} as const satisfies Record<string, Where>

export type Place = keyof typeof places

/** Whether a word names a place of the lab. */
export const isPlace = (word: string): word is Place => Object.hasOwn(places, word)

/** The names and addresses of the experiment; each of them can be met again in what the lab prints. */
export const network = {
  prefixLength: 24,
  router: '192.168.1.1',
  host1: '192.168.1.32',
  host2: '192.168.1.15',
  lan: '192.168.1.0/24',
  /** The link of host1 and of host2 that leads to the LAN. */
  uplink: 'eth0',
  space: {
    name: 'myspace',
    address: '192.168.45.3',
    network: '192.168.45.0/24',
    gateway: '192.168.45.2',
    hostInterface: 'veth1',
    interface: 'veth2',
    port: 80,
    publishedPort: 8080,
  },
  /** Brought up beside the other for a while, to use the same ICMP identifier. */
  second: {
    name: 'other',
    path: '/run/netns/other',
    address: '192.168.46.3',
    gateway: '192.168.46.2',
    hostInterface: 'veth3',
    interface: 'veth4',
  },
} as const

/** The ICMP identifier of the experiment's captures. */
export const identifier = 29610

/**
 * Runs `use` with the descriptor's number of a place's namespace, for sockets that are to be made there. It is closed
 * afterwards: an open one would keep a namespace alive that was taken down. Throws NamespaceError.
 */
export const withNamespace = <T>(place: Place, use: (namespace: number) => T): T => {
  using namespace = openNamespace(places[place] ?? ownNamespacePath)
  return use(namespace.number)
}

/** The lab did not become what it should be; nothing of the machine is concerned. Throw it. */
export const labFailed = (why: string, evidence: string[] = [], cause?: unknown): NatspaceError =>
  new NatspaceError({
    code: 'LAB_FAILED',
    exit: 1,
    what: 'cannot build the lab',
    why,
    evidence,
    fix: ['this concerns the lab alone: nothing on this machine was changed'],
    cause,
  })

import type { Link } from '../rtnetlink/link.ts'
import type { FakeDiscipline } from './discipline.ts'
import type { FakeNamespace } from './namespace.ts'

/** One network interface of a fake namespace. */
export type FakeLink = {
  namespace: FakeNamespace
  index: number
  name: string
  kind: string | undefined
  address: string
  mtu: number
  up: boolean
  alias: string | undefined
  group: number
  promiscuous: boolean
  allMulticast: boolean
  queueLength: number
  /** The other end of a veth. */
  peer: FakeLink | undefined
  /** At its root; undefined until the link is up for the first time. */
  discipline: FakeDiscipline | undefined
}

/** Whether packets can get through: of a veth both ends must be up. */
export const hasCarrier = (link: FakeLink): boolean => link.up && (link.peer?.up ?? true)

/** The link as a question about it is answered. */
export const linkOf = (link: FakeLink): Link => ({
  index: link.index,
  name: link.name,
  kind: link.kind,
  address: link.address,
  mtu: link.mtu,
  up: link.up,
  carrier: hasCarrier(link),
  loopback: link.name === 'lo',
  alias: link.alias,
  ...(link.group ? { group: link.group } : {}),
  master: undefined,
  peer: link.peer?.index,
  peerNamespaceId:
    link.peer === undefined || link.peer.namespace === link.namespace
      ? undefined
      : link.namespace.idOf(link.peer.namespace),
  counters: { receivedPackets: 0n, sentPackets: 0n, receivedBytes: 0n, sentBytes: 0n },
  ...(link.promiscuous ? { promiscuous: true } : {}),
  ...(link.allMulticast ? { allMulticast: true } : {}),
  queueLength: link.queueLength,
})

import type { Packet } from '../../linux/nftables/evaluate/index.ts'
import type { ResolvedSpace } from '../spec/types.ts'

/**
 * A way of a space's packets through the forwarding of the host. `from` and `to` are the names of links; absent means
 * any. One rule of somebody else's firewall accepts a way; what may really take it is decided by our own table, which
 * guards the inside.
 */
export type Way = { from?: string; to?: string }

/** What tells one way from another. */
export const wayKey = ({ from, to }: Way): string => `${from ?? ''} ${to ?? ''}`

/** A way, what takes it in words, and packets that stand for all that do. */
export type Traffic = { way: Way; what: string; packets: Packet[] }

type Families = { family: 4 | 6; address: string }[]

const wayOut = ({ hostInterface: from, uplink: to }: ResolvedSpace): Way => ({
  from,
  ...(to === undefined ? {} : { to }),
})

const wayIn = ({ hostInterface: to, uplink: from }: ResolvedSpace): Way => ({
  ...(from === undefined ? {} : { from }),
  to,
})

/** The ways of a space, whether anything takes them or not. */
export const waysOf = (space: ResolvedSpace): Way[] => [
  wayIn(space),
  wayOut(space),
  ...space.connect.flatMap(peer => [wayTo(space, peer.hostInterface), wayFrom(space, peer.hostInterface)]),
]

/** Without an uplink the way out leads to every link, other cables too; and so the way in. */
const wayTo = (space: ResolvedSpace, link: string): Way =>
  space.uplink === undefined ? wayOut(space) : { from: space.hostInterface, to: link }

const wayFrom = (space: ResolvedSpace, link: string): Way =>
  space.uplink === undefined ? wayIn(space) : { from: link, to: space.hostInterface }

/** More published ports than these are taken to fare like them: each is looked for in every rule. */
const mostPorts = 32

/**
 * All that a space sends and receives through this host. `anyUplink` is the link by which packets leave that are not
 * bound to one; where there is none, rules that ask for it have no certain answer.
 */
export const trafficOf = (space: ResolvedSpace, anyUplink: string | undefined): Traffic[] => {
  const { hostInterface: cable, internal, publish, connect } = space
  const uplink = space.uplink ?? anyUplink
  const families: Families = [
    { family: 4, address: space.address },
    ...(space.ipv6 === undefined ? [] : [{ family: 6 as const, address: space.ipv6.address }]),
  ]
  const out = (link: string | undefined) => ({
    iifname: cable,
    ...(link === undefined ? {} : { oifname: link }),
  })
  const into = (link: string | undefined) => ({
    ...(link === undefined ? {} : { iifname: link }),
    oifname: cable,
  })
  const each = (packetOf: (family: Families[number]) => Omit<Packet, 'family'>[]): Packet[] =>
    families.flatMap(item => packetOf(item).map(packet => ({ family: item.family, ...packet })))
  const begun = { ctState: 'new', ctDirection: 'original' } as const
  const answered = { ctState: 'established', ctDirection: 'reply' } as const
  const protocols = { tcp: 6, udp: 17, sctp: 132 }
  const outside: Traffic[] = [
    {
      way: wayOut(space),
      what: `what ${space.name} sends`,
      packets: each(({ address }) => [{ ...out(uplink), source: address, ...begun }]),
    },
    {
      way: wayIn(space),
      what: `the answers to ${space.name}`,
      packets: each(({ address }) => [{ ...into(uplink), destination: address, ...answered }]),
    },
  ]
  const published: Traffic[] = [
    {
      way: wayIn(space),
      what: `what comes to the published ports of ${space.name}`,
      packets: each(({ address }) =>
        publish.slice(0, mostPorts).map(({ protocol, hostPort, port }) => ({
          ...into(uplink),
          destination: address,
          protocol: protocols[protocol],
          destinationPort: port.first,
          ...begun,
          ctStatus: { dnat: true },
          ctOriginal: { destinationPort: hostPort.first },
        })),
      ),
    },
    {
      way: wayOut(space),
      what: `the answers of the published ports of ${space.name}`,
      packets: each(({ address }) => [
        { ...out(uplink), source: address, ...answered, ctStatus: { dnat: true } },
      ]),
    },
  ]
  const peers = connect.flatMap((peer): Traffic[] => [
    {
      way: wayTo(space, peer.hostInterface),
      what: `what ${space.name} sends to ${peer.name}`,
      packets: each(({ address }) => [{ ...out(peer.hostInterface), source: address, ...begun }]),
    },
    {
      way: wayFrom(space, peer.hostInterface),
      what: `the answers of ${peer.name} to ${space.name}`,
      packets: each(({ address }) => [{ ...into(peer.hostInterface), destination: address, ...answered }]),
    },
  ])
  return [...(internal ? [] : outside), ...(publish.length > 0 ? published : []), ...peers]
}

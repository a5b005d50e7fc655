import type { Packet } from '../../linux/nftables/evaluate/index.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { type FlowKind, flowsOf } from './flows.ts'

/**
 * A way of a space's packets through the forwarding of the host. `from` and `to` are the names of links; absent means
 * any. One rule of somebody else's firewall accepts a way; what may really take it is decided by our own table, which
 * guards the inside.
 */
export type Way = { from?: string; to?: string }

/** What tells one way from another. */
export const wayKey = ({ from, to }: Way): string => `${from ?? ''} ${to ?? ''}`

/** A packet that stands for all of its kind, what it is in words, and the way that it takes. */
export type Traffic = { way: Way; what: string; packet: Packet }

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

/** The way that each kind of flow takes, and its name. */
const flowTexts: Record<FlowKind, { wayOf: (space: ResolvedSpace) => Way; what: (name: string) => string }> =
  {
    outbound: { wayOf: wayOut, what: name => `what ${name} sends` },
    reply: { wayOf: wayIn, what: name => `the answers to ${name}` },
    accepted: { wayOf: wayIn, what: name => `what comes to ${name} from networks that it accepts` },
    'accepted-reply': { wayOf: wayOut, what: name => `the answers of ${name} to networks that it accepts` },
    published: { wayOf: wayIn, what: name => `what comes to the published ports of ${name}` },
    'published-reply': { wayOf: wayOut, what: name => `the answers of the published ports of ${name}` },
  }

/**
 * All that a space sends and receives through this host. `anyUplink` is the link by which packets leave that are not
 * bound to one; where there is none, rules that ask for it have no certain answer.
 */
export const trafficOf = (space: ResolvedSpace, anyUplink: string | undefined): Traffic[] => {
  const { name, hostInterface, address, ipv6, internal, publish, connect } = space
  const addresses = {
    ...(address === '' ? {} : { 4: address }),
    ...(ipv6 === undefined ? {} : { 6: ipv6.address }),
  }
  const uplink = space.uplink ?? anyUplink
  const published = publish
    .slice(0, mostPorts)
    .map(({ protocol, hostPort, port }) => ({ protocol, hostPort: hostPort.first, port: port.first }))
  const outside = flowsOf({
    hostInterface,
    ...(uplink === undefined ? {} : { uplink }),
    addresses,
    published,
    accepts: space.accept !== undefined,
  }).flatMap(({ kind, packet }): Traffic[] => {
    if (internal && (kind === 'outbound' || kind === 'reply')) return []
    const { wayOf, what } = flowTexts[kind]
    return [{ way: wayOf(space), what: what(name), packet }]
  })
  const peers = connect.flatMap(peer =>
    flowsOf({ hostInterface, uplink: peer.hostInterface, addresses }).map(({ kind, packet }): Traffic => {
      const isOut = kind === 'outbound'
      return {
        way: isOut ? wayTo(space, peer.hostInterface) : wayFrom(space, peer.hostInterface),
        what: isOut ? `what ${name} sends to ${peer.name}` : `the answers of ${peer.name} to ${name}`,
        packet,
      }
    }),
  )
  return [...outside, ...peers]
}

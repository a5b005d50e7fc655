import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { Packet } from '../../linux/nftables/evaluate/index.ts'
import type { Ruleset, Table } from '../../linux/nftables/index.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import { spaceOfAlias, tableName } from '../marks.ts'
import { defaultUplink } from '../reconcile/facts.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { HandCable } from './cable.ts'

/** What has to be known of the host to ask its rules about a namespace. */
export type HostView = {
  seen: Observation
  cable: HandCable
  /** The tables of others that packets of a namespace may meet. */
  ruleset: Ruleset
  /** Links by which packets may leave: without the loopback, cables of ours, and this one. */
  ways: Link[]
  /** The link of the default route. */
  way: Link | undefined
  /** IPv4 addresses of this host, without the loopback and cables. */
  addresses: string[]
  /** All IPv4 addresses that are this host's own. */
  local: ReadonlySet<string>
}

/** A link that nobody has, an address outside (RFC 5737), and one that is neither the host's nor the namespace's. */
export const stranger = {
  link: '*natspace*',
  index: 0x7fff_fffe,
  outside: '198.51.100.1',
  other: '203.0.113.77',
} as const

export const hostView = (seen: Observation, cable: HandCable): HostView => {
  const links = [...seen.links(undefined).values()]
  const ways = links.filter(
    link => !link.loopback && link.index !== cable.host.index && spaceOfAlias(link.alias) === undefined,
  )
  const addressesOf = (link: Link) =>
    (seen.addresses(undefined).get(link.index) ?? [])
      .filter(({ family }) => family === 4)
      .map(({ address }) => address)
  const name = defaultUplink(seen)
  return {
    seen,
    cable,
    ruleset: { generation: 0, tables: foreignTables(seen) },
    ways,
    way: ways.find(link => link.name === name) ?? ways.find(link => link.up) ?? ways[0],
    addresses: ways.flatMap(addressesOf),
    local: new Set(links.flatMap(addressesOf)),
  }
}

/** Read whole only where there is a chain that asks about translation or forwarding. */
const foreignTables = (seen: Observation): Table[] =>
  seen
    .ruleset({ only: 'chains' })
    .tables.filter(
      ({ family, name, chains }) =>
        (family === 'inet' || family === 'ip') &&
        name !== tableName &&
        chains.some(({ hook, type }) => type === 'nat' || (type === 'filter' && hook === 'forward')),
    )
    .flatMap(({ family, name }) => seen.ruleset({ family, table: name }).tables)

/** What the routing table says of addresses: 127/8 and the host's own are local. */
export const fibOf =
  ({ local }: HostView): NonNullable<Packet['fib']> =>
  ({ flags, result, packet }) => {
    if (result !== 'type') return undefined
    const address = flags.includes('daddr') ? packet.destination : packet.source
    if (address === undefined) return undefined
    return address.startsWith('127.') || local.has(address) ? 'local' : 'unicast'
  }

export type Protocol = 'tcp' | 'udp' | 'sctp'
export const protocols: readonly Protocol[] = ['tcp', 'udp', 'sctp']

/** The first packet of a connection. */
export const firstPacket = (view: HostView, rest: Partial<Packet>): Packet => ({
  family: 4,
  ctState: 'new',
  ctDirection: 'original',
  ctStatus: { dnat: false, snat: false },
  mark: 0,
  ctMark: 0,
  fib: fibOf(view),
  ...(rest.protocol === PROTOCOL_NUMBER.tcp ? { tcpFlags: 2 } : {}),
  ...rest,
})

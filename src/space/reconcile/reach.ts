import { isLoopback } from '../../linux/net/ip.ts'
import type { Table } from '../../linux/nftables/index.ts'
import { transitHooks } from '../firewall/at-hook.ts'
import { forwardVerdicts } from '../firewall/blocked.ts'
import { flowsOf } from '../firewall/flows.ts'
import { transitTables } from '../firewall/forward-drops.ts'
import { type LegacyFilter, legacyCause, legacyFilter, legacyOwner } from '../firewall/legacy.ts'
import { legacyDrop } from '../firewall/legacy-table.ts'
import { spaceOfAlias } from '../marks.ts'
import { boundAddress, formatPublish } from '../spec/publish.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import { uplinkOfFamily } from './facts.ts'
import type { Observation } from './observation.ts'
import type { Blockade, PublishedStatus, Reach } from './types.ts'

/**
 * Theory of operation. Who reaches a published port follows from the address of the host that it is published on: that of
 * the loopback is for this host alone, that of a cable for spaces too, any other for the LAN as well. What comes from the
 * LAN and from other spaces is forwarded, so every chain of others that forwarded packets meet is asked what it does with
 * such a packet and with the answer to it; this host's own connections meet none of them. Whether a program listens inside is not looked at.
 */

type Group = 'lan' | 'spaces'

/** What is read once for all spaces, and only when it is needed. */
type Facts = {
  /** The host's addresses, and those of them that are on a cable of ours. */
  addresses: ReadonlyMap<string, 'host' | 'cable'>
  tables: Table[]
  legacy: readonly LegacyFilter[]
  uplinks: Record<4 | 6, string | undefined>
  /** Host ends of cables. */
  cables: readonly string[]
}

/** Tells who can reach the published ports of a space, by the state of the host as it is seen. */
export const reachReader = (seen: Observation): ((space: ResolvedSpace) => PublishedStatus[]) => {
  let facts: Facts | undefined
  return space => {
    if (space.publish.length === 0) return []
    facts ??= factsOf(seen)
    const { tables, legacy } = facts
    const isWatched = tables.length + legacy.length > 0
    const known = facts
    return space.publish.map(publish => {
      const groups = groupsOf(known, publish)
      const blockades = isWatched && groups.length > 1 ? blockadesOf(known, space, publish, groups) : []
      return statusOf(space, publish, groups, blockades)
    })
  }
}

const factsOf = (seen: Observation): Facts => {
  const addresses = new Map<string, 'host' | 'cable'>()
  const cables: string[] = []
  for (const link of seen.links(undefined).values()) {
    const kind = spaceOfAlias(link.alias) === undefined ? 'host' : 'cable'
    if (kind === 'cable') cables.push(link.name)
    for (const { address } of seen.addresses(undefined).get(link.index) ?? []) addresses.set(address, kind)
  }
  return {
    addresses,
    tables: transitTables(seen),
    legacy: ([4, 6] as const).flatMap(family => legacyFilter(seen, family) ?? []),
    uplinks: { 4: uplinkOfFamily(seen, 4), 6: uplinkOfFamily(seen, 6) },
    cables,
  }
}

/** Who can name the address, whatever firewalls say; [] where the host does not have it. */
const groupsOf = ({ addresses }: Facts, publish: Publish): ('host' | Group)[] => {
  const hostAddress = boundAddress(publish)
  if (hostAddress === undefined) return ['host', 'lan', 'spaces']
  if (isLoopback(hostAddress)) return ['host']
  const kind = addresses.get(hostAddress)
  return kind === undefined ? [] : kind === 'cable' ? ['host', 'spaces'] : ['host', 'lan', 'spaces']
}

const familiesOf = ({ address, ipv6 }: ResolvedSpace, { hostAddress }: Publish): (4 | 6)[] => {
  if (hostAddress !== undefined) return [hostAddress.includes(':') ? 6 : 4]
  return ipv6 === undefined ? [4] : address === '' ? [6] : [4, 6]
}

/** Every chain that stops what comes to the port, or the answer. */
const blockadesOf = (
  facts: Facts,
  space: ResolvedSpace,
  publish: Publish,
  groups: readonly ('host' | Group)[],
): Blockade[] => {
  const blockades = new Map<string, Blockade>()
  for (const from of groups) {
    if (from === 'host') continue
    for (const family of familiesOf(space, publish)) {
      const found: readonly Stop[] = stops(facts, space, publish, linkOf(facts, space, from, family), family)
      for (const { chain, rule, owner } of found) {
        const key: string = `${chain} ${rule}`
        const known: Blockade = blockades.get(key) ?? { chain, rule, owner, from: [], families: [] }
        if (!known.from.includes(from)) known.from.push(from)
        if (!known.families.includes(family)) known.families.push(family)
        blockades.set(key, known)
      }
    }
  }
  return [...blockades.values()]
}

/** The link by which a group comes. */
const linkOf = (facts: Facts, space: ResolvedSpace, from: Group, family: 4 | 6): string | undefined =>
  from === 'lan' ? (space.uplink ?? facts.uplinks[family]) : anotherCable(facts, space)

const anotherCable = ({ cables }: Facts, { hostInterface }: ResolvedSpace): string | undefined =>
  cables.find(name => name !== hostInterface)

type Stop = Pick<Blockade, 'chain' | 'rule' | 'owner'>

const stops = (
  { tables, legacy }: Facts,
  { hostInterface, address, ipv6 }: ResolvedSpace,
  { protocol, hostPort, port }: Publish,
  link: string | undefined,
  family: 4 | 6,
): Stop[] => {
  const inside = family === 4 ? address : (ipv6?.address ?? '')
  const flows = flowsOf({
    hostInterface,
    ...(link === undefined ? {} : { uplink: link }),
    addresses: { [family]: inside },
    published: [{ protocol, hostPort: hostPort.first, port: port.first }],
  }).filter(({ kind }) => kind === 'published' || kind === 'published-reply')
  return [
    ...forwardVerdicts({ generation: 0, tables }, flows, {}, transitHooks)
      .filter(({ verdict, stopsOtherwise }) => verdict !== 'unknown' || stopsOtherwise)
      .map(({ by, text, owner }) => ({
        chain: `${by.family} ${by.table} ${by.chain}`,
        rule: text,
        owner: owner.name,
      })),
    ...legacy
      .filter(filter => filter.family === family)
      .flatMap(filter => legacyStops(filter, hostInterface, link, inside)),
  ]
}

const legacyStops = (
  { program, table }: LegacyFilter,
  cable: string,
  link: string | undefined,
  inside: string,
): Stop[] => {
  // What cannot be read is told when the space comes up; here it would be a guess.
  if (table === undefined) return []
  const [from, to] = [link === undefined ? {} : { from: link }, link === undefined ? {} : { to: link }]
  const drops = [
    legacyDrop(table, { ...from, to: cable, destination: inside, state: 'NEW', dnat: true }),
    legacyDrop(table, { ...to, from: cable, source: inside, state: 'ESTABLISHED', dnat: true }),
  ]
  return drops.flatMap(drop =>
    drop === undefined
      ? []
      : [
          {
            chain: `${program} ${drop.path.at(-1)?.chain ?? 'FORWARD'}`,
            rule: legacyCause(table, drop),
            owner: legacyOwner(program, table).name,
          },
        ],
  )
}

const statusOf = (
  space: ResolvedSpace,
  publish: Publish,
  groups: readonly ('host' | Group)[],
  blockedBy: Blockade[],
): PublishedStatus => {
  const families = familiesOf(space, publish)
  const reachFrom = (group: Group): Reach => {
    if (!groups.includes(group)) return 'no'
    const blocked = families.filter(family =>
      blockedBy.some(item => item.from.includes(group) && item.families.includes(family)),
    )
    return blocked.length === 0 ? 'yes' : blocked.length === families.length ? 'blocked' : 'partly'
  }
  return {
    publish: formatPublish(publish),
    reach: { host: groups.length > 0 ? 'yes' : 'no', lan: reachFrom('lan'), spaces: reachFrom('spaces') },
    blockedBy,
    ...(groups.length > 0 || publish.hostAddress === undefined ? {} : { missing: publish.hostAddress }),
  }
}

import { printer } from '../../linux/nftables/late.ts'
import { uplinkOfFamily } from '../reconcile/facts.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { type ForwardDrop, forwardDrops, transitTables } from './forward-drops.ts'
import { type LegacyFilter, legacyCause, legacyFilter, legacyOwner, legacyPlace } from './legacy.ts'
import { legacyDrop } from './legacy-table.ts'
import type { Owner } from './owner.ts'
import { ownerOfDrop } from './owner-of-drop.ts'
import { type Remedy, remedyFor, ufwRemedy } from './remedy.ts'
import { type Traffic, trafficOf, type Way, wayKey } from './way.ts'

/**
 * Theory of operation. Every kind of traffic of a space is put to every chain of others that forwarded packets meet. Where one drops it
 * there is an obstacle: who drops what, and the remedy, which is a rule or a binding where the owner of that chain wants
 * it. A remedy that is in place already and does not help is none: then somebody decided against this traffic, and all
 * that is left is to say so.
 */
export type Obstacle = {
  /** 'chain ip filter FORWARD' */
  place: string
  owner: Owner
  /** The ways that are blocked, each once, and what takes them. */
  ways: Way[]
  what: string[]
  /** 'drops it by policy' */
  cause: string
  evidence: string[]
  remedy: Remedy
}

const found = new WeakMap<Observation, WeakMap<ResolvedSpace, readonly Obstacle[]>>()

/** Everything of others that drops what the space sends or receives; [] on a host without another firewall. */
export const obstaclesOf = (seen: Observation, space: ResolvedSpace): readonly Obstacle[] => {
  const known = found.get(seen) ?? new WeakMap<ResolvedSpace, readonly Obstacle[]>()
  found.set(seen, known)
  const obstacles = known.get(space) ?? findObstacles(seen, space)
  known.set(space, obstacles)
  return obstacles
}

const findObstacles = (seen: Observation, space: ResolvedSpace): Obstacle[] => {
  const tables = transitTables(seen)
  const families = ([4, 6] as const).filter(family =>
    family === 4 ? space.address !== '' : space.ipv6 !== undefined,
  )
  const legacy = families.flatMap(family => legacyFilter(seen, family) ?? [])
  if (tables.length === 0 && legacy.length === 0) return []
  // Each family may have a way out of its own.
  const traffic = families.flatMap(family => trafficOf(inFamily(space, family), uplinkOfFamily(seen, family)))
  return merge([
    ...traffic.flatMap(item =>
      forwardDrops(seen, item.packet).map(drop => nativeObstacle(seen, space, item, drop)),
    ),
    ...legacy.flatMap(filter => legacyObstacles(seen, space, traffic, filter)),
  ])
}

const inFamily = ({ ipv6, ...space }: ResolvedSpace, family: 4 | 6): ResolvedSpace =>
  family === 4 ? space : { ...space, address: '', ...(ipv6 === undefined ? {} : { ipv6 }) }

const nativeObstacle = (
  seen: Observation,
  space: ResolvedSpace,
  traffic: Traffic,
  drop: ForwardDrop,
): Obstacle => {
  const { table, chain, decider, rule } = drop
  const text =
    rule === undefined ? undefined : plainText(printer().ruleText(rule, printer().contextOf(table)))
  return {
    place: `chain ${table.family} ${table.name} ${chain.name}`,
    owner: ownerOfDrop(drop),
    ways: [traffic.way],
    what: [traffic.what],
    cause: text === undefined ? 'drops it by policy' : `drops it by the rule: ${text}`,
    evidence: [
      `chain ${chain.name} { type filter hook ${chain.hook}; policy ${chain.policy ?? 'accept'}; }`,
      ...(text === undefined ? [] : [`chain ${decider.name} { ${text} }`]),
    ],
    remedy: remedyFor(seen, space, traffic.way, drop),
  }
}

/** Without counters, and with targets of iptables by their names. */
const plainText = (text: string): string =>
  text.replace(/counter packets \d+ bytes \d+ ?/g, '').replace(/xt target "(\w+)"/g, '$1')

const legacyObstacles = (
  seen: Observation,
  space: ResolvedSpace,
  traffic: readonly Traffic[],
  filter: LegacyFilter,
): Obstacle[] => {
  const { program, table, family } = filter
  const place = `chain FORWARD of ${program}`
  if (table === undefined)
    return [
      {
        place,
        owner: { program, name: program },
        ways: [],
        what: [],
        cause: 'may drop it, and cannot be read',
        evidence: [filter.why],
        remedy: {
          kind: 'none',
          why: filter.why,
          advice: [`install the program ${program}, of the package iptables`],
        },
      },
    ]
  const owner = legacyOwner(filter.program, table)
  return traffic
    .filter(({ packet }) => packet.family === family)
    .flatMap(({ way, what, packet }): Obstacle[] => {
      const drop = legacyDrop(table, {
        ...(packet.iifname === undefined ? {} : { from: packet.iifname }),
        ...(packet.oifname === undefined ? {} : { to: packet.oifname }),
        ...(packet.source === undefined ? {} : { source: packet.source }),
        ...(packet.destination === undefined ? {} : { destination: packet.destination }),
        state: packet.ctState === 'new' ? 'NEW' : 'ESTABLISHED',
        dnat: packet.ctStatus?.dnat === true,
      })
      if (drop === undefined) return []
      const cause = legacyCause(table, drop)
      return [
        {
          place,
          owner,
          ways: [way],
          what: [what],
          cause: drop.path.length === 0 ? 'drops it by policy' : `drops it by the rule: ${cause}`,
          evidence: [`${program} -S: ${cause}`],
          remedy:
            owner.program === 'ufw'
              ? ufwRemedy(seen, space, way, drop.path.at(-1)?.chain)
              : { kind: 'legacy', program, place: legacyPlace(table, drop) },
        },
      ]
    })
}

/** Obstacles of one place and cause become one. */
const merge = (obstacles: readonly Obstacle[]): Obstacle[] => {
  const merged = new Map<string, Obstacle>()
  for (const item of obstacles) {
    const key = [item.place, item.cause, item.remedy.kind, 'why' in item.remedy ? item.remedy.why : ''].join(
      '\n',
    )
    const earlier = merged.get(key)
    if (earlier === undefined) merged.set(key, item)
    else
      merged.set(key, {
        ...earlier,
        ways: [...new Map([...earlier.ways, ...item.ways].map(way => [wayKey(way), way])).values()],
        what: [...new Set([...earlier.what, ...item.what])],
      })
  }
  return [...merged.values()]
}

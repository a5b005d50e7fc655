import { contextOf, ruleText } from '../../linux/nftables/index.ts'
import type { ProgramName } from '../../linux/program.ts'
import { type Route, routeTable } from '../../linux/rtnetlink/route.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { forwardsStrictly, isBoundForGood, isBoundToZone } from './firewalld.ts'
import { type ForwardDrop, forwardDrops, forwardTables } from './forward-drops.ts'
import { jumpOf } from './jump.ts'
import {
  type LegacyFilter,
  type LegacyPlace,
  legacyCause,
  legacyFilter,
  legacyOwner,
  legacyPlace,
} from './legacy.ts'
import { legacyDrop } from './legacy-table.ts'
import { beforeReturn, type NativePlace } from './native.ts'
import { chainOwner, type Owner } from './owner-of-chain.ts'
import { allowedByUfw } from './ufw.ts'
import { type Traffic, trafficOf, type Way, wayKey } from './way.ts'

/**
 * Theory of operation. Every kind of traffic of a space is put to every forward chain of others. Where one drops it
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

export type Remedy =
  | { kind: 'native'; place: NativePlace }
  | { kind: 'legacy'; program: ProgramName; place: LegacyPlace }
  | { kind: 'ufw' }
  | { kind: 'firewalld'; link: string }
  /** Nothing that natspace may do: what is in the way, and what a person could do. */
  | { kind: 'none'; why: string; advice: string[] }

/** The link by which packets to the outside leave, as far as the main table tells: the lowest metric wins. */
const defaultUplink = (seen: Observation): string | undefined => {
  const metric = ({ priority }: Route) => priority ?? 0
  const [best] = seen
    .routes(undefined)
    .filter(({ table, destination }) => table === routeTable.main && destination === '0.0.0.0/0')
    .toSorted((one, other) => metric(one) - metric(other))
  return seen.linkName(undefined, best?.outputIndex)
}

/** Everything of others that drops what the space sends or receives; [] on a host without another firewall. */
export const obstaclesOf = (seen: Observation, space: ResolvedSpace): Obstacle[] => {
  const tables = forwardTables(seen)
  const families = space.ipv6 === undefined ? ([4] as const) : ([4, 6] as const)
  const legacy = families.flatMap(family => legacyFilter(seen, family) ?? [])
  if (tables.length === 0 && legacy.length === 0) return []
  const traffic = trafficOf(space, defaultUplink(seen))
  return merge([
    ...traffic.flatMap(item =>
      item.packets.flatMap(packet =>
        forwardDrops(tables, packet).map(drop => nativeObstacle(seen, space, item, drop)),
      ),
    ),
    ...legacy.flatMap(filter => legacyObstacles(seen, space, traffic, filter)),
  ])
}

const nativeObstacle = (
  seen: Observation,
  space: ResolvedSpace,
  traffic: Traffic,
  drop: ForwardDrop,
): Obstacle => {
  const { table, chain, decider, rule } = drop
  const owner = chainOwner(drop)
  const text = rule === undefined ? undefined : ruleText(rule, contextOf(table))
  return {
    place: `chain ${table.family} ${table.name} ${chain.name}`,
    owner,
    ways: [traffic.way],
    what: [traffic.what],
    cause: text === undefined ? 'drops it by policy' : `drops it by the rule "${text}"`,
    evidence: [
      `chain ${chain.name} { type filter hook forward; policy ${chain.policy ?? 'accept'}; }`,
      ...(text === undefined ? [] : [`chain ${decider.name} { ${text} }`]),
    ],
    remedy: nativeRemedy(seen, space, traffic, drop, owner),
  }
}

const nativeRemedy = (
  seen: Observation,
  space: ResolvedSpace,
  { way }: Traffic,
  drop: ForwardDrop,
  owner: Owner,
): Remedy => {
  const { table, chain, decider, rule, top } = drop
  if (owner === 'ufw') return ufwRemedy(seen, space, way)
  if (owner === 'firewalld') return firewalldRemedy(seen, space, way, drop)
  if (table.flags.includes('owner'))
    return {
      kind: 'none',
      why: `the table ${table.name} belongs to one process, and nobody else may change it`,
      advice: ['have that program accept the space'],
    }
  const docker = table.chains.find(({ name }) => name === 'DOCKER-USER')
  const toDocker = docker && chain.rules.findIndex(item => jumpOf(item) === 'DOCKER-USER')
  const blocking = top === undefined ? chain.rules.length : chain.rules.indexOf(top)
  if (docker !== undefined && toDocker !== undefined && toDocker >= 0 && toDocker <= blocking)
    return {
      kind: 'native',
      place:
        decider === docker && rule !== undefined
          ? { table, chain: docker, before: rule.handle }
          : beforeReturn(table, docker),
    }
  return { kind: 'native', place: { table, chain, before: top?.handle } }
}

const ufwRemedy = (seen: Observation, { name }: ResolvedSpace, way: Way): Remedy =>
  allowedByUfw(seen, name).some(allowed => wayKey(allowed) === wayKey(way))
    ? {
        kind: 'none',
        why: 'ufw has a rule for this space, and another rule of it comes first',
        advice: ['ufw status numbered shows the rules in their order'],
      }
    : { kind: 'ufw' }

const firewalldRemedy = (
  seen: Observation,
  { hostInterface, address, publish }: ResolvedSpace,
  { from }: Way,
  { table }: ForwardDrop,
): Remedy => {
  if (from !== hostInterface) {
    const [first] = publish
    const port =
      first &&
      `port=${first.hostPort.first}:proto=${first.protocol}:toport=${first.port.first}:toaddr=${address}`
    return {
      kind: 'none',
      why: forwardsStrictly(seen)
        ? 'StrictForwardPorts=yes in /etc/firewalld/firewalld.conf: firewalld forwards to ports that it was told of itself, and to no others'
        : 'no zone lets others begin connections to the space',
      advice:
        port === undefined
          ? []
          : [`firewall-cmd --add-forward-port=${port} opens one port in firewalld itself`],
    }
  }
  if (isBoundForGood(seen, hostInterface))
    return {
      kind: 'none',
      why: `${hostInterface} is bound to a zone in /etc/firewalld, which decides`,
      advice: [`firewall-cmd --get-zone-of-interface=${hostInterface} tells the zone`],
    }
  if (isBoundToZone(table, hostInterface))
    return {
      kind: 'none',
      why: `${hostInterface} is in a zone that forwards, and a policy or rule of firewalld drops it all the same`,
      advice: ['firewall-cmd --list-all-policies shows them'],
    }
  return { kind: 'firewalld', link: hostInterface }
}

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
        owner: 'iptables-legacy',
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
  const owner = legacyOwner(table)
  return traffic.flatMap(({ way, what, packets }) =>
    packets
      .filter(packet => packet.family === family)
      .flatMap((packet): Obstacle[] => {
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
            cause: drop.path.length === 0 ? 'drops it by policy' : `drops it by the rule "${cause}"`,
            evidence: [`${program} -S: ${cause}`],
            remedy:
              owner === 'ufw'
                ? ufwRemedy(seen, space, way)
                : { kind: 'legacy', program, place: legacyPlace(table, drop) },
          },
        ]
      }),
  )
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

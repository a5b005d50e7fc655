import { ipFamily, isLinkLocal, isLoopback } from '../../linux/net/ip.ts'
import { NetlinkError } from '../../linux/netlink/errors.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import { type Route, routeProtocol, routeTable, routeType } from '../../linux/rtnetlink/route.ts'
import { NatspaceError } from '../errors.ts'
import { spaceOfAlias } from '../marks.ts'
import { localPrefix } from '../spec/cable6.ts'
import { quote } from '../spec/quote.ts'
import type { ResolveManyFacts } from '../spec/resolve.ts'
import type { Taken } from '../spec/taken.ts'
import type { ResolvedSpace, SpaceSpec } from '../spec/types.ts'
import type { Observation } from './observation.ts'

const tableNames: Record<number, string> = { 253: 'default', 254: 'main', 255: 'local' }

/** What of the host is in use, for choosing and for refusing: routes of every table, addresses, names of links. */
export const resolveFacts = (
  seen: Observation,
  specs: readonly SpaceSpec[],
  previous: ReadonlyMap<string, ResolvedSpace>,
  /** Networks of other spaces, which may have no route now. */
  networks: readonly Taken[],
  peer: ResolveManyFacts['peer'],
): ResolveManyFacts => {
  const links = seen.links(undefined)
  const asked = new Set(specs.map(spec => spec.name))
  const taken: Taken[] = [...networks]
  for (const route of seen.routes(undefined)) {
    // What the kernel keeps for an address of its own is said more plainly by the address, below.
    const ofAddress = route.table === routeTable.local && route.protocol === routeProtocol.kernel
    if (route.family !== 4 || ofAddress) continue
    const device =
      route.outputIndex === undefined
        ? ''
        : ` dev ${quote(seen.linkName(undefined, route.outputIndex) ?? '?')}`
    const why = `route${device} table ${tableNames[route.table] ?? route.table}`
    taken.push({ prefix: route.destination, why })
  }
  for (const [index, addresses] of seen.addresses(undefined))
    for (const { address, prefixLength, family } of addresses)
      if (family === 4)
        taken.push({
          prefix: `${address}/${prefixLength}`,
          why: `address of ${quote(seen.linkName(undefined, index) ?? '?')}`,
        })
  const linkNames = new Set<string>()
  for (const link of links.values()) {
    const owner = spaceOfAlias(link.alias)
    if (owner === undefined || !asked.has(owner)) linkNames.add(link.name)
  }
  return {
    taken,
    taken6: () => taken6(seen),
    linkNames,
    previous,
    hasIpv6: hasIpv6(seen),
    prefix6: () => prefix6(seen),
    mtuOf: uplink => mtuOf(seen, uplink),
    peer,
  }
}

/** What of IPv6 has its place already: routes of every table, but for defaults, halves of them, and what each link has. */
const taken6 = (seen: Observation): Taken[] =>
  seen
    .routes(undefined)
    .filter(({ family, destination }) => family === 6 && !/^(fe80|ff00):|\/[01]$/.test(destination))
    .map(({ destination, outputIndex }) => ({
      prefix: destination,
      why:
        outputIndex === undefined
          ? 'route'
          : `route dev ${quote(seen.linkName(undefined, outputIndex) ?? '?')}`,
    }))

/**
 * Whether this host has an IPv6 address that others than its neighbours can use, and a link that leads to them. Where
 * links are unnumbered the address is on the loopback.
 */
const hasIpv6 = (seen: Observation): boolean =>
  links6(seen).length > 0 &&
  [...seen.links(undefined).values()].some(
    link => spaceOfAlias(link.alias) === undefined && hasGlobal6(seen, link),
  )

const hasGlobal6 = (seen: Observation, { index }: Link): boolean =>
  (seen.addresses(undefined).get(index) ?? []).some(
    ({ family, address }) => family === 6 && !isLinkLocal(address) && !isLoopback(address),
  )

/**
 * Links of the host, without the loopback and our cables, that lead further by IPv6 than to their neighbours: with an
 * address beyond link-local, or with a route.
 */
export const links6 = (seen: Observation): Link[] =>
  [...seen.links(undefined).values()].filter(
    link =>
      !link.loopback &&
      spaceOfAlias(link.alias) === undefined &&
      (hasGlobal6(seen, link) || seen.routesBy(undefined, link.index).some(leadsFurther6)),
  )

const leadsFurther6 = ({ family, type, destination }: Route): boolean =>
  family === 6 && type === routeType.unicast && !/^(fe80|ff00):/.test(destination)

/** A prefix of this host that no route of somebody else overlaps. */
const prefix6 = (seen: Observation): string => {
  const ours = new Set(
    [...seen.links(undefined).values()]
      .filter(link => spaceOfAlias(link.alias) !== undefined)
      .map(link => link.index),
  )
  const taken = seen
    .routes(undefined)
    .filter(
      ({ family, destination, outputIndex }) =>
        family === 6 && destination.startsWith('fd') && (outputIndex === undefined || !ours.has(outputIndex)),
    )
    .map(route => route.destination)
  const machine = seen.file('/etc/machine-id')?.trim() || seen.sysctl(undefined, 'kernel.random.boot_id')
  return localPrefix(machine ?? '', taken)
}

/** What the way out carries: the cable needs no more, and with more it would have to be told so packet by packet. */
const mtuOf = (seen: Observation, uplink: string | undefined): number | undefined => {
  const name = uplink ?? defaultUplink(seen)
  return name === undefined ? undefined : seen.link(undefined, name)?.mtu
}

/**
 * Addresses far outside (of a root server of DNS) that have no route of their own on any host. Nothing is sent there: the
 * kernel is asked which way it would take, as rules of policy routing, halves of a default route (as VPNs have them) and
 * routes with several next hops decide more than the main table tells.
 */
const farAway = ['193.0.14.129', '2001:7fd::1'] as const

const uplinks = new WeakMap<Observation, Map<4 | 6, string | undefined>>()

/** The link by which packets of a family leave for the outside; undefined where none does. */
export const uplinkOfFamily = (seen: Observation, family: 4 | 6): string | undefined => {
  const known = uplinks.get(seen) ?? new Map<4 | 6, string | undefined>()
  uplinks.set(seen, known)
  if (!known.has(family))
    known.set(family, family === 4 ? (wayTo(seen, farAway[0]) ?? mainUplink(seen)) : wayTo(seen, farAway[1]))
  return known.get(family)
}

/** The link by which packets to the outside leave: of IPv4 where that leads there, else of IPv6. */
export const defaultUplink = (seen: Observation): string | undefined =>
  uplinkOfFamily(seen, 4) ?? uplinkOfFamily(seen, 6)

const wayTo = (seen: Observation, destination: string): string | undefined => {
  try {
    const { type, outputIndex } = seen.kernel.lookUpRoute(undefined, { destination })
    const name = type === routeType.unicast ? seen.linkName(undefined, outputIndex) : undefined
    const link = name === undefined ? undefined : seen.link(undefined, name)
    return link === undefined || link.loopback || spaceOfAlias(link.alias) !== undefined ? undefined : name
  } catch (error) {
    // There is no way.
    if (error instanceof NetlinkError) return undefined
    throw error
  }
}

/** That of the default route with the lowest metric; it may lead nowhere at the moment. */
const mainUplink = (seen: Observation): string | undefined => {
  const defaults = seen
    .routes(undefined)
    .filter(route => route.table === routeTable.main && route.destination === '0.0.0.0/0')
    .toSorted((one, other) => (one.priority ?? 0) - (other.priority ?? 0))
  return seen.linkName(undefined, defaults[0]?.outputIndex)
}

/** Addresses under which this host can be seen: not those of its loopback and of our cables. */
const addressesOf = (seen: Observation): string[] =>
  [...seen.links(undefined).values()]
    .filter(link => !link.loopback && spaceOfAlias(link.alias) === undefined)
    .flatMap(link => seen.addresses(undefined).get(link.index) ?? [])
    .map(({ address }) => address)

/** Refuses a source that is no address of this host. Throws NatspaceError BAD_SOURCE (exit 2). */
export const checkSources = (seen: Observation, specs: readonly SpaceSpec[]): void => {
  for (const { name, source } of specs)
    for (const address of Object.values(source ?? {})) {
      const all = addressesOf(seen)
      if (all.includes(address)) continue
      const family = address.includes(':') ? 6 : 4
      throw new NatspaceError({
        code: 'BAD_SOURCE',
        exit: 2,
        what: `cannot use ${address} as the source of ${name}`,
        why: 'no link of this host has that address',
        evidence: [`addresses: ${all.filter(item => ipFamily(item) === family).join(', ') || 'none'}`],
        fix: ['name one of those with --source, or leave it out: then the route chooses'],
      })
    }
}

/** Of these the ports hand on what comes; packets leave by the whole. Those of a VRF keep their addresses and routes. */
const wholes: ReadonlySet<string | undefined> = new Set(['bridge', 'bond', 'team', 'openvswitch', 'hsr'])

/** Packets never leave by the port of a bridge. Throws NatspaceError BAD_UPLINK (exit 2). */
const refusePort = (seen: Observation, space: string, port: Link): void => {
  const name = seen.linkName(undefined, port.master)
  const whole = name === undefined ? undefined : seen.link(undefined, name)
  if (whole === undefined || !wholes.has(whole.kind)) return
  throw new NatspaceError({
    code: 'BAD_UPLINK',
    exit: 2,
    what: `cannot use ${quote(port.name)} as the uplink of ${space}`,
    why: `it is a port of the ${whole.kind} ${quote(whole.name)}, by which packets leave`,
    fix: [`--uplink ${quote(whole.name)}, or leave it out: then any way out is used`],
  })
}

/** Refuses an uplink that does not exist, or that nothing leaves by. Throws NatspaceError NO_SUCH_UPLINK, BAD_UPLINK (exit 2). */
export const checkUplinks = (seen: Observation, specs: readonly SpaceSpec[]): void => {
  for (const { name, uplink } of specs) {
    if (uplink === undefined) continue
    const link = seen.link(undefined, uplink)
    if (link !== undefined) {
      refusePort(seen, name, link)
      continue
    }
    const links = [...seen.links(undefined).values()].filter(
      link => !link.loopback && spaceOfAlias(link.alias) === undefined,
    )
    throw new NatspaceError({
      code: 'NO_SUCH_UPLINK',
      exit: 2,
      what: `cannot use ${quote(uplink)} as the uplink of ${name}`,
      why: 'this host has no link of that name',
      evidence: [`links: ${links.map(link => quote(link.name)).join(', ') || 'none but the loopback'}`],
      fix: ['name one of those with --uplink, or leave it out: then any way out is used'],
    })
  }
}

import { ipFamily, isLinkLocal } from '../../linux/net/ip.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import { routeProtocol, routeTable } from '../../linux/rtnetlink/route.ts'
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

/** Whether a link that is not ours has an IPv6 address that others than its neighbours can use. */
const hasIpv6 = (seen: Observation): boolean => links6(seen).length > 0

/** Links of the host, without the loopback and our cables, that have an IPv6 address beyond link-local. */
export const links6 = (seen: Observation): Link[] =>
  [...seen.links(undefined).values()].filter(
    link =>
      !link.loopback &&
      spaceOfAlias(link.alias) === undefined &&
      (seen.addresses(undefined).get(link.index) ?? []).some(
        ({ family, address }) => family === 6 && !isLinkLocal(address),
      ),
  )

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

/** The link by which packets to the outside leave: that of the default route with the lowest metric. */
export const defaultUplink = (seen: Observation): string | undefined => {
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

/** Refuses an uplink that does not exist. Throws NatspaceError NO_SUCH_UPLINK (exit 2). */
export const checkUplinks = (seen: Observation, specs: readonly SpaceSpec[]): void => {
  for (const { name, uplink } of specs) {
    if (uplink === undefined || seen.link(undefined, uplink) !== undefined) continue
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

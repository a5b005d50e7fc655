import { isLinkLocal } from '../../linux/net/ip.ts'
import { prefixContains } from '../../linux/net/prefix.ts'
import type { Address } from '../../linux/rtnetlink/address.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import { routeTable } from '../../linux/rtnetlink/route.ts'
import { NatspaceError } from '../errors.ts'
import { spaceOfAlias } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { namespacePath } from '../spec/names.ts'
import { quote } from '../spec/quote.ts'
import type { AdoptFinding } from './types.ts'

/** The cable that a namespace reaches the outside by, as it is. */
export type HandCable = {
  host: Link
  inner: Link
  gateway: string
  address: string
  prefixLength: number
  findings: AdoptFinding[]
}

/**
 * Finds the cable by what it does: the default route of the namespace leads to it, and its other end is on this host and
 * has the address of the gateway. Throws NatspaceError NO_NAMESPACE, NOT_CONNECTED, ALREADY_MANAGED.
 */
export const findCable = (seen: Observation, name: string): HandCable => {
  const where = namespacePath(name)
  const state = seen.namespace(where)
  if (state !== 'present') throw noNamespace(name, where, state)
  const [route, ...others] = seen
    .routes(where)
    .filter(({ table, destination }) => table === routeTable.main && destination === '0.0.0.0/0')
    .toSorted((one, other) => (one.priority ?? 0) - (other.priority ?? 0))
  if (route === undefined) throw notConnected(name, 'it has no default route', linksText(seen, where))
  const innerName = seen.linkName(where, route.outputIndex)
  const inner = innerName === undefined ? undefined : seen.link(where, innerName)
  if (inner === undefined || route.gateway === undefined)
    throw notConnected(name, 'its default route leads to no gateway', linksText(seen, where))
  const host = otherEnd(seen, name, inner)
  if (spaceOfAlias(host.alias) !== undefined) throw alreadyManaged(name, host)
  if (host.master !== undefined)
    throw notConnected(
      name,
      `the other end of ${inner.name}, ${host.name}, is a port of ${quote(seen.linkName(undefined, host.master) ?? 'a bridge')}: it is bridged, not routed`,
      [],
    )
  const gateway = addressesOf(seen, undefined, host).find(({ address }) => address === route.gateway)
  if (gateway === undefined)
    throw notConnected(name, `its gateway ${route.gateway} is no address of ${host.name}`, [
      `${host.name}: ${textOf(addressesOf(seen, undefined, host))}`,
    ])
  const inside = addressesOf(seen, where, inner).filter(({ family }) => family === 4)
  const own = inside.find(({ address, prefixLength }) =>
    prefixContains(`${address}/${prefixLength}`, gateway.address),
  )
  if (own === undefined)
    throw notConnected(
      name,
      `no address of ${inner.name} shares a subnet with the gateway ${gateway.address}`,
      [`${inner.name}: ${textOf(inside)}`],
    )
  return {
    host,
    inner,
    gateway: gateway.address,
    address: own.address,
    prefixLength: own.prefixLength,
    findings: [
      ...otherAddresses(seen, where, host, inner, own),
      ...(others.length === 0 ? [] : [otherRoutes(name, others.length)]),
    ],
  }
}

/** The two ends of a cable name each other by their indexes. */
const otherEnd = (seen: Observation, name: string, inner: Link): Link => {
  if (inner.kind !== 'veth')
    throw notConnected(name, `${inner.name} is no cable (veth) but ${inner.kind ?? 'hardware'}`, [])
  const host = [...seen.links(undefined).values()].find(
    link => link.kind === 'veth' && link.index === inner.peer && link.peer === inner.index,
  )
  if (host === undefined) throw notConnected(name, `the other end of ${inner.name} is not on this host`, [])
  return host
}

const addressesOf = (seen: Observation, where: string | undefined, link: Link): Address[] =>
  seen.addresses(where).get(link.index) ?? []

const textOf = (addresses: readonly Address[]): string =>
  addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(', ') || 'no address'

/** The guard lets the one address pass that a space has, and IPv6 addresses are chosen by natspace. */
const otherAddresses = (
  seen: Observation,
  where: string,
  host: Link,
  inner: Link,
  own: Address,
): AdoptFinding[] => {
  const ends = [...addressesOf(seen, where, inner), ...addressesOf(seen, undefined, host)]
  const more = addressesOf(seen, where, inner).filter(
    item => item.family === 4 && item.address !== own.address,
  )
  const six = ends.filter(({ family, address }) => family === 6 && !isLinkLocal(address))
  return [
    ...(more.length === 0
      ? []
      : [
          {
            code: 'ADOPT_ADDRESS',
            severity: 'error' as const,
            what: `${inner.name} has more than one IPv4 address`,
            why: 'a space has one, and the guard would drop what is sent from the others',
            evidence: [`kept: ${own.address}`, `others: ${textOf(more)}`],
            fix: more.map(
              ({ address, prefixLength }) =>
                `ip -n ${where.slice(where.lastIndexOf('/') + 1)} address delete ${address}/${prefixLength} dev ${inner.name}`,
            ),
          },
        ]),
    ...(six.length === 0
      ? []
      : [
          {
            code: 'ADOPT_IPV6',
            severity: 'error' as const,
            what: 'the cable has IPv6 addresses that were chosen by hand',
            why: 'natspace chooses those of a space itself, and would take these away',
            evidence: [textOf(six)],
            fix: ['take them away first; natspace up NAME --ipv6 on gives the space IPv6 afterwards'],
          },
        ]),
  ]
}

const otherRoutes = (name: string, count: number): AdoptFinding => ({
  code: 'ADOPT_ROUTE',
  severity: 'warning',
  what: `${name} has ${count === 1 ? 'another default route' : `${count} other default routes`} beside the first`,
  why: 'natspace manages the one with the lowest metric, and leaves the others alone',
  evidence: [],
  fix: [`ip -n ${name} route show default`],
})

const linksText = (seen: Observation, where: string): string[] => {
  const links = [...seen.links(where).values()].filter(link => !link.loopback)
  return [`links inside: ${links.map(link => quote(link.name)).join(', ') || 'none but the loopback'}`]
}

/** The error for a namespace that is connected in no way that natspace can take over. */
export const notConnected = (name: string, why: string, evidence: string[]): NatspaceError =>
  new NatspaceError({
    code: 'NOT_CONNECTED',
    exit: 1,
    what: `cannot adopt the namespace ${name}`,
    why,
    evidence,
    fix: [
      'only a namespace with a cable (veth) to this host and NAT can be taken over',
      `natspace up ${name} connects it anew, beside what it has`,
    ],
  })

const alreadyManaged = (name: string, host: Link): NatspaceError =>
  new NatspaceError({
    code: 'ALREADY_MANAGED',
    exit: 1,
    what: `cannot adopt the namespace ${name}`,
    why: 'natspace made its cable, or has taken it over already',
    evidence: [`${host.name}: alias ${quote(host.alias ?? '')}`],
    fix: [`natspace status ${name} shows it`],
  })

const noNamespace = (name: string, path: string, found: string): NatspaceError =>
  new NatspaceError({
    code: found === 'missing' ? 'NO_NAMESPACE' : 'NS-STALE',
    exit: 1,
    what: `cannot adopt the namespace ${name}`,
    why: found === 'missing' ? 'there is no such namespace' : `${path} is no network namespace`,
    evidence: [`${path}: ${found}`],
    fix: [
      'ip netns list shows those that are there',
      `ip netns attach ${name} PID gives a name to that of a process`,
    ],
  })

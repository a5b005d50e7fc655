/** Checks of what a space may reach, and as whom: the values of a spec that became rules rather than a cable. */

import { canonicalIp, isLoopback, isMulticast, isUnspecified, unmappedIp } from '../../linux/net/ip.ts'
import { isNamespaceName } from '../../linux/net/namespace-name.ts'
import { formatEgress, parseEgress } from './egress.ts'
import { badValue, type Site, type SiteOf } from './fault.ts'
import { formatPublish } from './publish.ts'
import { parseRate } from './rate.ts'
import type { Egress, HostAccess, Rate, RawSpec, Source, SpaceSpec } from './types.ts'

/** IPv6 needs links that carry as many bytes (RFC 8200, section 5). */
export const LEAST_MTU_OF_IPV6 = 1280

/** An egress list longer than this is a firewall of its own. */
const MOST_EGRESS = 256

/** Throws NatspaceError BAD_IPV6. A file may say true or false, as YAML reads on and off. */
export function parseIpv6(value: string | boolean, site: Site): SpaceSpec['ipv6'] {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (value === 'auto' || value === 'on' || value === 'off') return value
  throw badValue({
    code: 'BAD_IPV6',
    site,
    value,
    why: 'it is one of auto, on and off',
    fix: ['write auto (IPv6 where this host has it), on or off'],
  })
}

/** Throws NatspaceError BAD_HOST_ACCESS. */
export function parseHostAccess(value: string, site: Site): HostAccess {
  if (value === 'none' || value === 'dns' || value === 'all') return value
  throw badValue({
    code: 'BAD_HOST_ACCESS',
    site,
    value,
    why: 'it is one of none, dns and all',
    fix: ['write none, dns (port 53 of this host, and ping) or all'],
  })
}

/** One address of each family at most. Throws NatspaceError BAD_SOURCE. */
export function parseSource(values: readonly string[], siteOf: SiteOf): Source {
  const source: Source = {}
  for (const [index, value] of values.entries()) {
    const refuse = (why: string): Error =>
      badValue({
        code: 'BAD_SOURCE',
        site: siteOf(['source', index]),
        value,
        why,
        fix: ['write an address of this host, one of IPv4 and one of IPv6 at most'],
      })
    const canonical = canonicalIp(value)
    if (canonical === undefined) throw refuse('it is not an IP address')
    const address = unmappedIp(canonical)
    if (isLoopback(address) || isMulticast(address) || isUnspecified(address))
      throw refuse('no packet can leave this host with it')
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    if (source[family] !== undefined) throw refuse(`${source[family]} is given already`)
    source[family] = address
  }
  return source
}

/** Throws NatspaceError BAD_RATE. */
export function parseRates(value: NonNullable<RawSpec['rate']>, siteOf: SiteOf): Rate {
  return {
    ...(value.up === undefined ? {} : { up: parseRate(value.up, siteOf(['rate', 'up'])) }),
    ...(value.down === undefined ? {} : { down: parseRate(value.down, siteOf(['rate', 'down'])) }),
  }
}

/** Names of other spaces, sorted and each once. Throws NatspaceError BAD_CONNECT. */
export function parseConnect(own: string, names: readonly string[], siteOf: SiteOf): string[] {
  for (const [index, name] of names.entries()) {
    const why = !isNamespaceName(name)
      ? 'no space can have this name'
      : name === own
        ? 'it is the space itself, which reaches itself anyway'
        : undefined
    if (why === undefined) continue
    throw badValue({
      code: 'BAD_CONNECT',
      site: siteOf(['connect', index]),
      value: name,
      why,
      fix: ['name another space'],
    })
  }
  return [...new Set(names)].sort()
}

/** Throws NatspaceError BAD_EGRESS. */
export function parseEgressList(values: readonly string[], siteOf: SiteOf): Egress[] {
  if (values.length > MOST_EGRESS)
    throw badValue({
      code: 'BAD_EGRESS',
      site: siteOf(['egress']),
      value: `${values.length} entries`,
      why: `a list has at most ${MOST_EGRESS}`,
      fix: ['put neighbouring networks together'],
    })
  return values.map((value, index) => parseEgress(value, siteOf(['egress', index])))
}

/** What speaks of the way outside is of no use to a space without one. Throws NatspaceError CONFLICTING_VALUES. */
export function checkOutside(spec: SpaceSpec, siteOf: SiteOf): void {
  if (!spec.internal) return
  const field = spec.source !== undefined ? 'source' : spec.egress !== undefined ? 'egress' : undefined
  if (field === undefined) return
  const values = field === 'source' ? Object.values(spec.source ?? {}) : spec.egress?.map(formatEgress)
  throw badValue({
    code: 'CONFLICTING_VALUES',
    site: siteOf([field]),
    value: values?.join(', ') ?? '',
    why: 'an internal space has no way outside',
    fix: [`leave out either ${field} or internal`],
  })
}

/** Throws NatspaceError BAD_MTU, BAD_PUBLISH, BAD_SOURCE where IPv6 is asked for and cannot be. */
export function checkIpv6(spec: SpaceSpec, siteOf: SiteOf): void {
  const { ipv6, mtu, publish, source } = spec
  if (ipv6 === 'on' && mtu !== undefined && mtu < LEAST_MTU_OF_IPV6)
    throw badValue({
      code: 'BAD_MTU',
      site: siteOf(['mtu']),
      value: String(mtu),
      why: `IPv6 needs at least ${LEAST_MTU_OF_IPV6} bytes (RFC 8200, section 5)`,
      fix: [`write ${LEAST_MTU_OF_IPV6} or more, or ipv6 off`],
    })
  if (ipv6 !== 'off') return
  const index = publish.findIndex(({ hostAddress }) => hostAddress?.includes(':'))
  const published = publish[index]
  if (published !== undefined)
    throw badValue({
      code: 'BAD_PUBLISH',
      site: siteOf(['publish', index]),
      value: formatPublish(published),
      why: 'the space has only an IPv4 address, and NAT cannot lead IPv6 connections to it',
      fix: ['publish on an IPv4 address of the host, or give the space IPv6'],
    })
  if (source?.ipv6 !== undefined)
    throw badValue({
      code: 'BAD_SOURCE',
      site: siteOf(['source']),
      value: source.ipv6,
      why: 'the space has only IPv4',
      fix: ['leave it out, or give the space IPv6'],
    })
}

/**
 * Raw values, as options or a file give them, become a `SpaceSpec`, or a NatspaceError of exit status 2 says which
 * value is wrong, why, and what to write instead. Written by hand, without a schema library, as it is on the path of
 * every `up`, where importing one costs more than all the checks.
 */

import { isCreatableInterfaceName, isKernelInterfaceName } from '../../linux/net/interface-name.ts'
import { canonicalIp, isMulticast, isUnspecified, unmappedIp } from '../../linux/net/ip.ts'
import { isNamespaceName, MAX_NAMESPACE_NAME } from '../../linux/net/namespace-name.ts'
import { portCount } from '../../linux/net/port.ts'
import { badValue, fieldSite, type Site, type SiteOf } from './fault.ts'
import { formatPublish, parsePublish } from './publish.ts'
import { findPublishClash } from './publish-clash.ts'
import { quote } from './quote.ts'
import { exhaustedTransport, sourcePorts } from './source-ports.ts'
import type { Publish, RawSpec, SpaceSpec } from './types.ts'
import { checkPair, parseAddress, parseGateway } from './validate-address.ts'
import { checkPair6, parseAddress6, parseGateway6 } from './validate-address6.ts'
import {
  checkIpv6,
  checkOutside,
  parseConnect,
  parseEgressList,
  parseHostAccess,
  parseIpv6,
  parseRates,
  parseSource,
} from './validate-policy.ts'

/** Smallest MTU of IPv4 (RFC 791) and the largest that a veth takes. */
export const MTU = { least: 68, most: 65535 } as const

/**
 * Checks every value of one space and how they fit together. `siteOf` tells where a value came from, for the error:
 * `optionSite` for the command line. Throws NatspaceError, exit 2, of the first value that is wrong.
 */
export function validateSpec(name: string, raw: RawSpec, siteOf: SiteOf = fieldSite): SpaceSpec {
  const given = <K extends keyof RawSpec, T>(
    key: K,
    read: (value: NonNullable<RawSpec[K]>, site: Site) => T,
  ): { [P in K]?: T } => {
    const value = raw[key]
    return value === undefined || value === null
      ? {}
      : ({ [key]: read(value, siteOf([key])) } as { [P in K]?: T })
  }
  const spec: SpaceSpec = {
    name: parseName(name, siteOf(['name'])),
    ...given('address', parseAddress),
    ...given('gateway', parseGateway),
    ...given('address6', parseAddress6),
    ...given('gateway6', parseGateway6),
    ...given('hostInterface', parseOwnInterface),
    ...given('interface', parseOwnInterface),
    ...given('uplink', parseUplink),
    ...given('source', (values, _site) => parseSource([values].flat(), siteOf)),
    ipv6: withAddresses6(parseIpv6(raw.ipv6 ?? 'auto', siteOf(['ipv6'])), raw),
    publish: parsePublishes(name, raw.publish ?? [], siteOf),
    ...given('dns', values => values.map((value, i) => parseDns(value, siteOf(['dns', i])))),
    ...given('mtu', parseMtu),
    ...given('rate', (value, _site) => parseRates(value, siteOf)),
    internal: raw.internal ?? false,
    connect: parseConnect(name, raw.connect ?? [], siteOf),
    ...(raw.egress === undefined ? {} : { egress: parseEgressList(raw.egress.allow ?? [], siteOf) }),
    host: parseHostAccess(raw.host ?? 'dns', siteOf(['host'])),
    metadata: raw.metadata ?? false,
    fixFirewall: raw.fixFirewall ?? false,
  }
  checkPair(spec, siteOf)
  checkPair6(spec, siteOf)
  checkUplink(spec, siteOf)
  checkOutside(spec, siteOf)
  checkIpv6(spec, siteOf)
  return spec
}

/** Whoever names addresses of IPv6 wants it, whether this host has it or not. */
const withAddresses6 = (ipv6: SpaceSpec['ipv6'], { address6, gateway6 }: RawSpec): SpaceSpec['ipv6'] =>
  ipv6 === 'auto' && (address6 ?? gateway6 ?? undefined) !== undefined ? 'on' : ipv6

/** The name itself if it may name a space. Throws NatspaceError BAD_NAME. */
export function parseName(name: string, site: Site = { field: 'name' }): string {
  if (isNamespaceName(name)) return name
  const why =
    name === ''
      ? 'it is empty'
      : name.length > MAX_NAMESPACE_NAME
        ? `it is longer than ${MAX_NAMESPACE_NAME} characters`
        : 'a name starts with a letter or digit and has only letters, digits, _, . and - in it'
  throw badValue({ code: 'BAD_NAME', site, value: name, why, fix: ["choose a name such as 'web' or 'db-2'"] })
}

function parseOwnInterface(name: string, site: Site): string {
  if (isCreatableInterfaceName(name)) return name
  const reserved = name === 'lo' || name === 'all' || name === 'default'
  throw badValue({
    code: 'BAD_INTERFACE_NAME',
    site,
    value: name,
    why: reserved
      ? 'the kernel uses this name for something else'
      : 'an interface name has 1 to 15 letters, digits, _, . and -, and does not start with -',
    fix: ["choose a name such as 'veth1', or leave it out"],
  })
}

/** An uplink exists already, so any name that the kernel takes is right. */
function parseUplink(name: string, site: Site): string {
  if (isKernelInterfaceName(name) && name !== 'lo') return name
  throw badValue({
    code: 'BAD_INTERFACE_NAME',
    site,
    value: name,
    why: name === 'lo' ? 'the loopback link leads nowhere outside' : 'no link can have this name',
    fix: ['name a link of this host (ip -br link), or leave it out to use whatever link a route leads to'],
  })
}

function checkUplink(spec: SpaceSpec, siteOf: SiteOf): void {
  if (spec.uplink === undefined) return
  const refuse = (why: string, fix: string): Error =>
    badValue({ code: 'BAD_UPLINK', site: siteOf(['uplink']), value: spec.uplink ?? '', why, fix: [fix] })
  if (spec.uplink === spec.hostInterface) {
    throw refuse('it is the host end of the space itself', 'name the link that leads outside')
  }
  if (spec.internal) {
    throw refuse('an internal space has no way outside', 'leave out either the uplink or internal')
  }
}

function parsePublishes(name: string, raw: readonly (string | number)[], siteOf: SiteOf): Publish[] {
  const entries = raw.map((value, i) => {
    const site = siteOf(['publish', i])
    const publish = parsePublish(String(value), site)
    return { space: name, publish, site }
  })
  const clash = findPublishClash(entries)
  if (clash !== undefined) throw duplicatePort(clash.earlier, clash.later)
  checkSourcePorts(entries)
  return entries.map(entry => entry.publish)
}

/** A port that is published is never the source of a connection that leaves: some must be left over. */
function checkSourcePorts(entries: readonly { publish: Publish; site: Site }[]): void {
  const protocol = exhaustedTransport(entries.map(({ publish }) => publish))
  if (protocol === undefined) return
  const { first, last } = sourcePorts
  const widest = entries
    .filter(({ publish }) => publish.protocol === protocol && publish.hostPort.last >= first)
    .toSorted((one, other) => portCount(other.publish.hostPort) - portCount(one.publish.hostPort))[0]
  if (widest === undefined) return
  throw badValue({
    code: 'BAD_PUBLISH',
    site: widest.site,
    value: formatPublish(widest.publish),
    why: `it leaves no port of ${first}-${last}, by which connections of ${protocol} leave this host`,
    fix: [`leave out most of ${first}-${last}`, 'or publish on one address of the host: HOSTIP:PORT-END'],
  })
}

/** The error for two ranges that want the same port, at the site of the later one: DUPLICATE_PORT. */
export function duplicatePort(
  earlier: { space: string; publish: Publish },
  later: { space: string; publish: Publish; site: Site },
): Error {
  const owner = earlier.space === later.space ? '' : ` of space ${quote(earlier.space)}`
  return badValue({
    code: 'DUPLICATE_PORT',
    site: later.site,
    value: formatPublish(later.publish),
    why: `${quote(formatPublish(earlier.publish))}${owner} has the same port of the host already`,
    fix: ['choose another port of the host, or publish each on another address of the host'],
  })
}

function parseDns(text: string, site: Site): string {
  const address = canonicalIp(text)
  if (address !== undefined && !isUnspecified(address) && !isMulticast(address)) return unmappedIp(address)
  throw badValue({
    code: 'BAD_DNS',
    site,
    value: text,
    why: address === undefined ? 'it is not an IP address' : 'it is not the address of one server',
    fix: ["write the address of a resolver, such as '1.1.1.1'"],
  })
}

function parseMtu(value: string | number, site: Site): number {
  const text = String(value)
  const mtu = /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : 0
  if (mtu >= MTU.least && mtu <= MTU.most) return mtu
  throw badValue({
    code: 'BAD_MTU',
    site,
    value: text,
    why: `an MTU is a number of bytes from ${MTU.least} to ${MTU.most}`,
    fix: ['write 1500, or what the path outside carries, or leave it out'],
  })
}

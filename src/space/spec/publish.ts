/**
 * Published ports as text: `[HOSTIP:]PORT[-END][:PORT[-END]][/tcp|udp|sctp]`. The part before the colon is the host's
 * side, as in `docker run -p`; without a second part the inner ports equal the host's.
 */

import { canonicalIp, isMulticast, isUnspecified, unmappedIp } from '../../linux/net/ip.ts'
import { formatPortRange, type PortRange, parsePortRange, portCount } from '../../linux/net/port.ts'
import { badValue, type Site } from './fault.ts'
import { quote } from './quote.ts'
import type { Publish, Transport } from './types.ts'

/** The shape of a published port for schemas; values (port numbers, lengths of ranges) are checked by parsePublish. */
export const PUBLISH_PATTERN =
  /^((\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):)?[1-9]\d{0,4}(-[1-9]\d{0,4})?(:[1-9]\d{0,4}(-[1-9]\d{0,4})?)?(\/(tcp|udp|sctp))?$/

const EXAMPLES =
  "write [HOSTIP:]PORT[-END][:PORT[-END]][/tcp|udp|sctp], such as '8080:80' or '127.0.0.1:5353:53/udp'"

/** Reads one published port or range. Throws NatspaceError BAD_PORT for a bad number or range, else BAD_PUBLISH. */
export function parsePublish(text: string, site: Site = { field: 'publish' }): Publish {
  const refuse = (why: string): Error =>
    badValue({ code: 'BAD_PUBLISH', site, value: text, why, fix: [EXAMPLES] })
  const [ports, protocol] = splitProtocol(text)
  if (protocol === undefined) throw refuse('the protocol must be tcp, udp or sctp')
  const parts = splitParts(ports)
  if (parts === undefined) throw refuse('an IPv6 address must stand in brackets and be followed by a colon')
  const { host, ranges } = parts
  const [outer, inner, extra] = ranges
  if (outer === undefined || extra !== undefined) throw refuse('it has more parts than HOSTIP:PORT:PORT')
  const hostPort = readRange(outer, text, site)
  const port = inner === undefined ? { ...hostPort } : readRange(inner, text, site)
  if (portCount(hostPort) !== portCount(port)) {
    throw refuse(`the ranges differ in length: ${portCount(hostPort)} and ${portCount(port)} ports`)
  }
  if (host === undefined) return { protocol, hostPort, port }
  const canonical = canonicalIp(host)
  if (canonical === undefined) throw refuse(`${quote(host)} is not an IP address`)
  const hostAddress = unmappedIp(canonical)
  if (isMulticast(hostAddress) || hostAddress === '255.255.255.255') {
    throw refuse(`${hostAddress} is not the address of one host`)
  }
  return { protocol, hostAddress, hostPort, port }
}

/** The one address of the host that connections must be for; undefined where it is any: 0.0.0.0 and :: are no addresses. */
export const boundAddress = ({ hostAddress }: Pick<Publish, 'hostAddress'>): string | undefined =>
  hostAddress === undefined || isUnspecified(hostAddress) ? undefined : hostAddress

/** Whether a port is published by a family: by both without an address, by IPv4 alone with 0.0.0.0, by IPv6 with ::. */
export const isPublishedIn = (family: 4 | 6, { hostAddress }: Pick<Publish, 'hostAddress'>): boolean =>
  hostAddress === undefined || hostAddress.includes(':') === (family === 6)

/** Canonical, shortest text: no inner ports if they equal the host's, no `/tcp`. The inverse of `parsePublish`. */
export function formatPublish(publish: Publish): string {
  const { hostAddress, hostPort, port, protocol } = publish
  const host =
    hostAddress === undefined ? '' : `${hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress}:`
  const inner = hostPort.first === port.first ? '' : `:${formatPortRange(port)}`
  return `${host}${formatPortRange(hostPort)}${inner}${protocol === 'tcp' ? '' : `/${protocol}`}`
}

function splitProtocol(text: string): [string, Transport | undefined] {
  const slash = text.indexOf('/')
  if (slash < 0) return [text, 'tcp']
  const name = text.slice(slash + 1)
  return [text.slice(0, slash), name === 'tcp' || name === 'udp' || name === 'sctp' ? name : undefined]
}

/** Cuts at colons outside of brackets; the first of two or three parts is the host if it can only be an address. */
function splitParts(text: string): { host?: string; ranges: string[] } | undefined {
  if (text.startsWith('[')) {
    const end = text.indexOf(']:')
    return end < 0 ? undefined : { host: text.slice(1, end), ranges: text.slice(end + 2).split(':') }
  }
  const parts = text.split(':')
  const [first, ...rest] = parts
  if (first === undefined || rest.length === 0) return { ranges: parts }
  if (parts.length > 3 && canonicalIp(text.slice(0, text.lastIndexOf(':'))) !== undefined) return undefined
  return first.includes('.') || rest.length === 2 ? { host: first, ranges: rest } : { ranges: parts }
}

function readRange(range: string, text: string, site: Site): PortRange {
  const parsed = parsePortRange(range)
  if (parsed !== undefined) return parsed
  const [first, last] = range.split('-')
  const reversed = first !== undefined && last !== undefined && Number(first) > Number(last)
  throw badValue({
    code: 'BAD_PORT',
    site,
    value: text,
    why: reversed
      ? `the range ${quote(range)} runs backwards`
      : `${quote(range)} is not a port of 1 to 65535, nor a range of them`,
    fix: [reversed ? 'write the lower port first' : EXAMPLES],
  })
}

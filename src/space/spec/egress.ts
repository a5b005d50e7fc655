/**
 * Egress lists: what a space may reach outside, each as text `DEST[:PORT[-END]][/tcp|udp|sctp|icmp]`, where DEST is an
 * address, a prefix or `any`; IPv6 with a port stands in brackets.
 */

import { canonicalIp, isMulticast, unmappedIp } from '../../linux/net/ip.ts'
import { formatPortRange, parsePortRange } from '../../linux/net/port.ts'
import { networkOf, parsePrefix } from '../../linux/net/prefix.ts'
import { badValue, type Site } from './fault.ts'
import { quote } from './quote.ts'
import type { Egress } from './types.ts'

const EXAMPLES =
  "write DEST[:PORT[-END]][/tcp|udp|sctp|icmp], such as '10.0.0.0/8', '1.1.1.1:53/udp' or '[2001:db8::/32]:443/tcp'"

/** The shape of an entry for schemas; addresses and ports are checked by parseEgress. */
export const EGRESS_PATTERN =
  /^(any|\*|[0-9.]+(\/\d{1,2})?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(\/\d{1,3})?|\[[0-9a-fA-F:.]+(\/\d{1,3})?\])(:[1-9]\d{0,4}(-[1-9]\d{0,4})?)?(\/(tcp|udp|sctp|icmp))?$/

/** At least one letter tells it from an address with a mistake in it. */
const hostName = /^(?=.*[a-z])[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.?$/i

const protocols = ['tcp', 'udp', 'sctp', 'icmp'] as const

/** Reads one entry. Throws NatspaceError BAD_EGRESS. */
export function parseEgress(text: string, site: Site = { field: 'egress' }): Egress {
  const refuse = (why: string): Error =>
    badValue({ code: 'BAD_EGRESS', site, value: text, why, fix: [EXAMPLES] })
  const [withPort, protocol] = splitProtocol(text)
  const { destination, ports } = splitPort(withPort)
  const port = ports === undefined ? undefined : parsePortRange(ports)
  if (ports !== undefined && port === undefined)
    throw refuse(`${quote(ports)} is not a port of 1 to 65535, nor a range of them`)
  if (port !== undefined && protocol === 'icmp') throw refuse('icmp has no ports')
  const rest = { ...(protocol === undefined ? {} : { protocol }), ...(port === undefined ? {} : { port }) }
  if (destination === 'any' || destination === '*') return rest
  const network = networkNamed(destination)
  if (network === undefined)
    throw hostName.test(destination)
      ? badValue({
          code: 'BAD_EGRESS',
          site,
          value: text,
          why: `${quote(destination)} is a name, whose addresses may change; a firewall knows addresses alone`,
          fix: [`write the addresses or the network behind it (getent ahosts ${destination} shows them)`],
        })
      : refuse(`${quote(destination)} is not an address, a prefix or any`)
  if (isMulticast(network.slice(0, network.indexOf('/')))) throw refuse('NAT leads to no multicast address')
  return { network, ...rest }
}

/** Canonical text. The inverse of `parseEgress`. */
export function formatEgress({ network = 'any', protocol, port }: Egress): string {
  const whole = network.includes(':') ? '/128' : '/32'
  const short = network.endsWith(whole) ? network.slice(0, -whole.length) : network
  const destination = port !== undefined && short.includes(':') ? `[${short}]` : short
  return `${destination}${port === undefined ? '' : `:${formatPortRange(port)}`}${protocol === undefined ? '' : `/${protocol}`}`
}

/** `/tcp` at the end; `/24` there belongs to the prefix. */
function splitProtocol(text: string): [string, Egress['protocol']] {
  const name = protocols.find(item => text.endsWith(`/${item}`))
  return name === undefined ? [text, undefined] : [text.slice(0, -name.length - 1), name]
}

function splitPort(text: string): { destination: string; ports?: string } {
  if (text.startsWith('[')) {
    const end = text.lastIndexOf(']')
    const rest = text.slice(end + 1)
    const destination = text.slice(1, end)
    return rest.startsWith(':') ? { destination, ports: rest.slice(1) } : { destination: destination + rest }
  }
  const colon = text.indexOf(':')
  // More than one colon is IPv6 without a port.
  if (colon < 0 || text.indexOf(':', colon + 1) >= 0) return { destination: text }
  return { destination: text.slice(0, colon), ports: text.slice(colon + 1) }
}

function networkNamed(text: string): string | undefined {
  if (text.includes('/')) return parsePrefix(text) === undefined ? undefined : networkOf(text)
  const canonical = canonicalIp(text)
  if (canonical === undefined) return undefined
  const address = unmappedIp(canonical)
  return `${address}/${address.includes(':') ? 128 : 32}`
}

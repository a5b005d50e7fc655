import { canonicalIp, ipFamily, isMulticast, isUnspecified } from '../../linux/net/ip.ts'
import { parsePort } from '../../linux/net/port.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import type { ProbeTarget } from './probe.ts'

const forms = [
  '--to 192.0.2.1 (ping), --to 192.0.2.1:443 (TCP), --to 192.0.2.1:53/udp',
  "--to 2001:db8::1 (ping), --to '[2001:db8::1]:443'",
]

/**
 * Where a probe goes: `HOST[:PORT][/tcp|udp|icmp]`. Without a port it is an echo of ICMP, with one TCP. Throws
 * NatspaceError BAD_DESTINATION (exit 2).
 */
export const parseTarget = (text: string): ProbeTarget => {
  const [, place = '', name] = /^(.*?)(?:\/([^/]*))?$/s.exec(text) ?? []
  const { host, portText } = splitPort(place)
  const address = canonicalIp(host)
  const family = ipFamily(host)
  if (address === undefined || family === undefined)
    throw wrong(
      text,
      /^[\w-]+(\.[\w-]+)*\.?$/.test(host)
        ? 'HOST must be an address: nobody looks names up for a packet'
        : 'it is no HOST[:PORT][/tcp|udp|icmp]',
      /[a-z]/i.test(host)
        ? [`natspace exec NAME -- getent ahosts ${/^[\w.-]+$/.test(host) ? host : 'HOST'}`]
        : [],
    )
  if (isMulticast(address) || isUnspecified(address)) throw wrong(text, 'it is not the address of one host')
  const port = portText === undefined ? undefined : parsePort(portText)
  if (portText !== undefined && port === undefined) throw wrong(text, 'a port is a number from 1 to 65535')
  const protocol = name ?? (port === undefined ? 'icmp' : 'tcp')
  if (protocol !== 'icmp' && protocol !== 'tcp' && protocol !== 'udp')
    throw wrong(text, 'the protocol is tcp, udp or icmp')
  if (protocol === 'icmp') {
    if (port !== undefined) throw wrong(text, 'ICMP has no ports')
    return { family, protocol, address }
  }
  if (port === undefined) throw wrong(text, `${protocol} needs a port`)
  return { family, protocol, address, port }
}

/** A colon is the port's where it is the only one, or stands behind brackets. */
export const splitPort = (place: string): { host: string; portText: string | undefined } => {
  const [, bracketed, behind] = /^\[([^\]]*)\](?::(.*))?$/s.exec(place) ?? []
  if (bracketed !== undefined) return { host: bracketed, portText: behind }
  const [host = '', portText, ...more] = place.split(':')
  return more.length > 0 ? { host: place, portText: undefined } : { host, portText }
}

const wrong = (text: string, why: string, fix: readonly string[] = []): NatspaceError =>
  new NatspaceError({
    code: 'BAD_DESTINATION',
    exit: 2,
    what: `Cannot trace to ${quote(text)}`,
    why,
    fix: [...fix, ...forms],
  })

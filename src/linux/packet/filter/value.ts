import { formatIp, parseIp } from '../../net/ip.ts'
import { parseMac } from '../../net/mac.ts'
import { numberOf } from './arithmetic.ts'
import type { Direction, Expression } from './expression.ts'
import { entryOf, etherTypeNumbers, protocolNumbers, servicePorts } from './names.ts'
import { isNetwork, isTransport, type Qualifiers } from './qualifiers.ts'
import type { Reader } from './reader.ts'
import type { Token } from './token.ts'

/** The value that comes, asked for by these keywords; undefined, and nothing read, when none comes. Throws FilterError. */
export const parseValue = (reader: Reader, qualifiers: Qualifiers): Expression | undefined => {
  const { kind, protocol } = qualifiers
  const token = reader.peek()
  if (token.kind !== 'word') return undefined
  const direction = qualifiers.direction ?? 'either'
  if (protocol === 'ether' && kind === 'host') {
    const bytes = parseMac(token.text)
    if (bytes === undefined) return undefined
    reader.next()
    return { type: 'mac', direction, bytes }
  }
  if (kind === 'proto') return protocolValue(reader, token, qualifiers)
  if (kind === 'host' || kind === 'net') return addressValue(reader, token, qualifiers, direction)
  return portValue(reader, token, qualifiers, direction)
}

const protocolValue = (
  reader: Reader,
  token: Token,
  { protocol, direction }: Qualifiers,
): Expression | undefined => {
  // A backslash keeps a name from being a keyword in other readers of this language.
  const name = token.text.replace(/^\\/, '')
  const ether = protocol === 'ether'
  const number = numberOf(token) ?? entryOf(ether ? etherTypeNumbers : protocolNumbers, name)
  if (number === undefined) return undefined
  if (direction !== undefined) reader.fail(token, 'a protocol has no direction')
  if (number > (ether ? 0xffff : 0xff)) reader.fail(token, 'too large for a protocol')
  if (ether && number < 0x600) reader.fail(token, 'below 1536 an Ethernet frame has a length, not a protocol')
  if (!ether && protocol !== undefined && protocol !== 'ip' && protocol !== 'ip6')
    reader.fail(token, `"${protocol} proto" has no meaning`, `ip proto ${token.text}`)
  reader.next()
  if (ether) return { type: 'ether-type', number }
  return {
    type: 'protocol-number',
    ...(protocol === 'ip' || protocol === 'ip6' ? { family: protocol } : {}),
    number,
  }
}

const addressValue = (
  reader: Reader,
  token: Token,
  { protocol, kind }: Qualifiers,
  direction: Direction,
): Expression | undefined => {
  const short = kind === 'net' ? shortNetwork(token.text) : undefined
  const address = short?.address ?? parseIp(token.text)
  if (address === undefined) return undefined
  const family = address.length === 4 ? 'IPv4' : 'IPv6'
  if (isTransport(protocol) || protocol === 'ether')
    reader.fail(token, `"${protocol}" does not go with "${kind}"`, `${protocol} and ${kind} ${token.text}`)
  if (protocol !== undefined && (protocol === 'ip6') !== (family === 'IPv6'))
    reader.fail(token, `"${protocol}" does not go with an address of ${family}`)
  reader.next()
  const width = address.length * 8
  let bits = short?.bits ?? width
  if (reader.peek().text === '/') {
    if (kind === 'host')
      reader.fail(reader.peek(), 'a host has no prefix length', `net ${token.text}/${width}`)
    reader.next()
    bits = prefixLength(reader, width)
  } else if (kind === 'net' && reader.take('mask')) bits = maskLength(reader, width)
  const outside = address.some((byte, index) => byte & (0xff >> Math.min(8, Math.max(0, bits - index * 8))))
  if (outside) reader.fail(token, 'bits are set past the prefix length', `net ${networkText(address, bits)}`)
  return { type: 'network', direction, ...(isNetwork(protocol) ? { protocol } : {}), address, bits }
}

/** `10` is 10.0.0.0/8, `172.16` is 172.16.0.0/16, `192.168.1` is 192.168.1.0/24. */
const shortNetwork = (text: string): { address: Uint8Array; bits: number } | undefined => {
  const parts = text.split('.')
  if (parts.length > 3 || !parts.every(part => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  const address = new Uint8Array(4)
  address.set(parts.map(Number))
  return { address, bits: parts.length * 8 }
}

const prefixLength = (reader: Reader, width: number): number => {
  const token = reader.next()
  const bits = /^\d{1,3}$/.test(token.text) ? Number(token.text) : width + 1
  return bits <= width ? bits : reader.fail(token, `expected a prefix length of 0 to ${width}`)
}

const maskLength = (reader: Reader, width: number): number => {
  const token = reader.next()
  const mask = parseIp(token.text)
  if (mask === undefined || mask.length * 8 !== width || width !== 32)
    return reader.fail(token, 'expected a mask of IPv4', 'or a prefix length: net 192.0.2.0/24')
  const bits = Array.from(mask, byte => byte.toString(2).padStart(8, '0')).join('')
  const length = bits.replace(/0*$/, '').length
  return bits.includes('01') ? reader.fail(token, 'the mask has holes') : length
}

const networkText = (address: Uint8Array, bits: number): string => {
  const cleared = address.map((byte, index) => byte & ~(0xff >> Math.min(8, Math.max(0, bits - index * 8))))
  return `${formatIp(cleared)}/${bits}`
}

const portOf = (text: string): number | undefined => {
  const named = entryOf(servicePorts, text)
  if (named !== undefined) return named
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined
}

const portValue = (
  reader: Reader,
  token: Token,
  { protocol, kind }: Qualifiers,
  direction: Direction,
): Expression | undefined => {
  const parts = kind === 'port' ? [token.text, token.text] : token.text.split('-')
  const [first, last] = parts.length === 2 ? parts.map(portOf) : []
  if (first === undefined || last === undefined) return undefined
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
    reader.fail(token, `"${protocol}" has no ports of its own`, `${protocol} and ${kind} ${token.text}`)
  if (first > last) reader.fail(token, 'the first port is above the last')
  reader.next()
  return { type: 'ports', direction, ...(protocol === undefined ? {} : { protocol }), first, last }
}

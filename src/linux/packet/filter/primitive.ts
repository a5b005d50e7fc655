import { formatIp, parseIp } from '../../net/ip.ts'
import { parseMac } from '../../net/mac.ts'
import { numberOf } from './arithmetic.ts'
import type { Direction, Expression, NetworkProtocol, TransportProtocol } from './expression.ts'
import { etherTypeNumbers, protocolNumbers, servicePorts, unsupported } from './names.ts'
import type { Reader } from './reader.ts'
import type { Token } from './token.ts'

/** What a value is asked for: `tcp src port`. */
export type Qualifiers = {
  protocol: NetworkProtocol | TransportProtocol | 'ether' | undefined
  direction: Direction | undefined
  kind: 'host' | 'net' | 'port' | 'portrange' | 'proto'
}

const network: readonly string[] = ['ip', 'ip6', 'arp', 'rarp'] satisfies NetworkProtocol[]
const transport: readonly string[] = ['tcp', 'udp', 'icmp', 'icmp6', 'sctp'] satisfies TransportProtocol[]
const kinds = ['host', 'net', 'port', 'portrange', 'proto'] as const
const isNetwork = (text: string | undefined): text is NetworkProtocol => network.includes(text ?? '')
const isTransport = (text: string | undefined): text is TransportProtocol => transport.includes(text ?? '')
/** Whether a word begins a primitive, and so is no value that inherits the keywords of the one before. */
export const isKeyword = (text: string): boolean =>
  isNetwork(text) ||
  isTransport(text) ||
  (kinds as readonly string[]).includes(text) ||
  ['ether', 'src', 'dst', 'less', 'greater'].includes(text)
const own = <T>(table: Record<string, T>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined

/** A primitive, and the keywords that a value after it inherits. Throws FilterError. */
export const parsePrimitive = (reader: Reader): { expression: Expression; qualifiers?: Qualifiers } => {
  const start = reader.peek()
  if (reader.take('less', 'greater')) {
    const limit = numberOf(reader.peek()) ?? reader.fail(reader.peek(), 'expected a length in bytes')
    reader.next()
    const relation = start.text === 'less' ? '<=' : '>='
    const right = { type: 'number', value: limit } as const
    return { expression: { type: 'compare', relation, left: { type: 'length' }, right } }
  }
  const protocol = parseProtocol(reader)
  const direction = parseDirection(reader)
  const kindToken = reader.peek()
  const kind = kinds.find(name => name === kindToken.text)
  if (kind !== undefined) reader.next()
  if (kind === undefined && direction === undefined && protocol !== undefined) {
    if (protocol === 'ether') reader.fail(reader.peek(), 'expected host, src, dst or proto after "ether"')
    const bare = numberOf(reader.peek()) !== undefined || parseIp(reader.peek().text) !== undefined
    if (!bare) return { expression: { type: 'protocol', name: protocol } }
  }
  if (kind === undefined && protocol === undefined && direction === undefined) refuse(reader)
  // Without a keyword a value is a host: `src 192.0.2.1`.
  const qualifiers: Qualifiers = { protocol, direction, kind: kind ?? 'host' }
  const expression = parseValue(reader, qualifiers)
  return { expression: expression ?? refuseValue(reader, qualifiers.kind), qualifiers }
}

const parseProtocol = (reader: Reader): Qualifiers['protocol'] => {
  const { text } = reader.peek()
  if (!isNetwork(text) && !isTransport(text) && text !== 'ether') return undefined
  reader.next()
  return text
}

/** `src`, `dst`, `src or dst`, `src and dst`. */
const parseDirection = (reader: Reader): Direction | undefined => {
  const first = reader.take('src', 'dst')
  if (first === undefined) return undefined
  const second = reader.peek(1).text
  if ((second === 'src' || second === 'dst') && second !== first.text) {
    const joint = reader.take('or', 'and', '||', '&&')
    if (joint !== undefined) {
      reader.next()
      return joint.text === 'or' || joint.text === '||' ? 'either' : 'both'
    }
  }
  return first.text === 'src' ? 'source' : 'destination'
}

const refuse = (reader: Reader): never => {
  const token = reader.peek()
  const hint = own(unsupported, token.text)
  if (hint !== undefined) reader.fail(token, 'is not supported', hint)
  if (token.kind === 'end') reader.fail(token, 'a condition is missing')
  if (parseIp(token.text) !== undefined)
    reader.fail(token, 'what is asked of this address?', `host ${token.text}`)
  if (/^\d+$/.test(token.text)) reader.fail(token, 'what is asked of this number?', `port ${token.text}`)
  return reader.fail(
    token,
    'no word of the filter language',
    'such as host, net, port, tcp, udp, icmp, ip6, arp',
  )
}

const refuseValue = (reader: Reader, kind: Qualifiers['kind']): never => {
  const expected = {
    host: 'an address',
    net: 'a network',
    port: 'a port',
    portrange: 'two ports with a dash between',
    proto: 'the number or name of a protocol',
  }[kind]
  const example = {
    host: '192.0.2.1',
    net: '192.0.2.0/24',
    port: '443',
    portrange: '8000-8010',
    proto: '47',
  }[kind]
  const names = kind === 'host' ? '; names are not looked up' : ''
  return reader.fail(reader.peek(), `expected ${expected}`, `such as ${kind} ${example}${names}`)
}

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
  const number = numberOf(token) ?? own(ether ? etherTypeNumbers : protocolNumbers, name)
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
  const named = own(servicePorts, text)
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

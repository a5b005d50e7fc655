import type {
  AccessProtocol,
  Arithmetic,
  Direction,
  Expression,
  NetworkProtocol,
  TransportProtocol,
} from './expression.ts'
import {
  all,
  type Condition,
  compare,
  constant,
  equals,
  frame,
  not,
  payload,
  some,
  type Value,
} from './meaning.ts'
import { etherTypeNumbers, protocolNumbers } from './names.ts'

/** What a filter asks of an Ethernet frame, in loads and comparisons. The offsets are those of Ethernet II (14 bytes). */

const ETHERNET = 14
const FRAGMENT_HEADER = 44

const etherType = (number: number): Condition => equals(frame(12, 2), number)
const family = (name: NetworkProtocol): Condition => etherType(etherTypeNumbers[name] ?? 0)
const numberOfProtocol = (name: TransportProtocol): number => protocolNumbers[name] ?? 0

/** IPv4: protocol at offset 9. */
const ipv4Carries = (number: number): Condition => all(family('ip'), equals(frame(ETHERNET + 9, 1), number))

/** IPv6: next header at offset 6, or behind a fragment header; other extension headers are not passed. */
const ipv6Carries = (number: number): Condition =>
  all(
    family('ip6'),
    some(
      equals(frame(ETHERNET + 6, 1), number),
      all(equals(frame(ETHERNET + 6, 1), FRAGMENT_HEADER), equals(frame(ETHERNET + 40, 1), number)),
    ),
  )

const notLaterFragment: Condition = not(compare(frame(ETHERNET + 6, 2), 'any-bit', 0x1fff))

/** Conditions on a source and a destination, joined as the direction says. */
const directed = (direction: Direction, source: () => Condition, destination: () => Condition): Condition => {
  if (direction === 'source') return source()
  if (direction === 'destination') return destination()
  return direction === 'both' ? all(source(), destination()) : some(source(), destination())
}

/** What the expression means. */
export const lower = (expression: Expression): Condition => {
  switch (expression.type) {
    case 'everything':
      return { type: 'always', value: true }
    case 'and':
    case 'or':
      return { type: expression.type, left: lower(expression.left), right: lower(expression.right) }
    case 'not':
      return not(lower(expression.of))
    case 'protocol':
      return protocol(expression.name)
    case 'protocol-number':
      return protocolNumber(expression.number, expression.family)
    case 'ether-type':
      return etherType(expression.number)
    case 'mac':
      return directed(
        expression.direction,
        () => mac(6, expression.bytes),
        () => mac(0, expression.bytes),
      )
    case 'network':
      return network(expression)
    case 'ports':
      return ports(expression)
    case 'compare':
      return comparison(expression)
  }
}

const protocol = (name: NetworkProtocol | TransportProtocol): Condition => {
  if (name === 'icmp') return ipv4Carries(numberOfProtocol('icmp'))
  if (name === 'icmp6') return ipv6Carries(numberOfProtocol('icmp6'))
  if (name === 'tcp' || name === 'udp' || name === 'sctp')
    return protocolNumber(numberOfProtocol(name), undefined)
  return family(name)
}

const protocolNumber = (number: number, only: 'ip' | 'ip6' | undefined): Condition => {
  if (only !== undefined) return only === 'ip' ? ipv4Carries(number) : ipv6Carries(number)
  return some(ipv6Carries(number), ipv4Carries(number))
}

/** The six bytes of a MAC address. */
const mac = (at: number, bytes: Uint8Array): Condition => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return all(equals(frame(at + 2, 4), view.getUint32(2)), equals(frame(at, 2), view.getUint16(0)))
}

type Network = Expression & { type: 'network' }

/** An address of IPv4 is looked for in ARP and RARP too, where no protocol is asked for. */
const network = ({ direction, protocol: only, address, bits }: Network): Condition => {
  const within = (at: number) => prefix(at, address, bits)
  if (address.length === 16)
    return all(
      family('ip6'),
      directed(
        direction,
        () => within(ETHERNET + 8),
        () => within(ETHERNET + 24),
      ),
    )
  const ip = all(
    family('ip'),
    directed(
      direction,
      () => within(ETHERNET + 12),
      () => within(ETHERNET + 16),
    ),
  )
  const resolution = (name: 'arp' | 'rarp') =>
    all(
      family(name),
      directed(
        direction,
        () => within(ETHERNET + 14),
        () => within(ETHERNET + 24),
      ),
    )
  if (only === 'arp' || only === 'rarp') return resolution(only)
  return only === 'ip' ? ip : some(ip, resolution('arp'), resolution('rarp'))
}

/** The first bits of an address, in words of four bytes. */
const prefix = (at: number, address: Uint8Array, bits: number): Condition => {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength)
  const words: Condition[] = []
  for (let i = 0; i * 4 < address.length; i++) {
    const left = bits - i * 32
    if (left <= 0) break
    const mask = left >= 32 ? 0xffff_ffff : ~(0xffff_ffff >>> left) >>> 0
    const word = frame(at + i * 4, 4)
    const masked: Value =
      left >= 32 ? word : { type: 'operation', operator: '&', left: word, right: constant(mask) }
    words.push(equals(masked, view.getUint32(i * 4)))
  }
  return words.length === 0 ? { type: 'always', value: true } : all(...words)
}

type Ports = Expression & { type: 'ports' }

/** Ports of IPv6 are looked for right behind its header, those of IPv4 in all but later fragments. */
const ports = ({ direction, protocol: only, first, last }: Ports): Condition => {
  const numbers = (only === undefined ? (['sctp', 'tcp', 'udp'] as const) : [only]).map(numberOfProtocol)
  const carries = (at: number) => some(...numbers.map(number => equals(frame(at, 1), number)))
  const between = (value: Value): Condition =>
    first === last ? equals(value, first) : all(compare(value, '>=', first), not(compare(value, '>', last)))
  const ip6 = all(
    family('ip6'),
    carries(ETHERNET + 6),
    directed(
      direction,
      () => between(frame(ETHERNET + 40, 2)),
      () => between(frame(ETHERNET + 42, 2)),
    ),
  )
  const ip = all(
    family('ip'),
    carries(ETHERNET + 9),
    notLaterFragment,
    directed(
      direction,
      () => between(payload(0, 2)),
      () => between(payload(2, 2)),
    ),
  )
  return some(ip6, ip)
}

/** A comparison holds only for packets that have what it looks at: `tcp[0] != 1` asks for TCP. */
const comparison = ({ relation, left, right }: Expression & { type: 'compare' }): Condition => {
  const needed = [...accesses(left), ...accesses(right)]
  const [a, b] = [value(left), value(right)]
  const test = (kind: '=' | '>' | '>='): Condition => ({ type: 'compare', test: kind, left: a, right: b })
  const held = {
    '=': () => test('='),
    '!=': () => not(test('=')),
    '>': () => test('>'),
    '>=': () => test('>='),
    '<': () => not(test('>=')),
    '<=': () => not(test('>')),
  }[relation]()
  return all(...[...new Set(needed)].map(presence).filter(condition => condition !== undefined), held)
}

const accesses = (of: Arithmetic): AccessProtocol[] => {
  if (of.type === 'operation') return [...accesses(of.left), ...accesses(of.right)]
  return of.type === 'bytes' ? [...accesses(of.at), of.protocol] : []
}

const presence = (name: AccessProtocol): Condition | undefined => {
  if (name === 'ether') return undefined
  if (name === 'ip' || name === 'ip6' || name === 'arp' || name === 'rarp') return family(name)
  // As in libpcap these look at IPv4 alone, and for ICMPv6 right behind the header of IPv6.
  if (name === 'icmp6') return all(family('ip6'), equals(frame(ETHERNET + 6, 1), numberOfProtocol(name)))
  return all(ipv4Carries(numberOfProtocol(name)), notLaterFragment)
}

const value = (of: Arithmetic): Value => {
  switch (of.type) {
    case 'number':
      return constant(of.value)
    case 'length':
      return { type: 'length' }
    case 'operation':
      return { type: 'operation', operator: of.operator, left: value(of.left), right: value(of.right) }
    case 'bytes': {
      const { protocol: name, size } = of
      const at = value(of.at)
      if (name === 'ether') return { type: 'load', from: 'frame', base: 0, at, size }
      if (name === 'icmp6') return { type: 'load', from: 'frame', base: ETHERNET + 40, at, size }
      if (name === 'ip' || name === 'ip6' || name === 'arp' || name === 'rarp')
        return { type: 'load', from: 'frame', base: ETHERNET, at, size }
      return { type: 'load', from: 'payload', base: 0, at, size }
    }
  }
}

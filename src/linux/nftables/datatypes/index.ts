import { etherAddress, ipv4Address, ipv6Address, linkAddress } from './addresses.ts'
import { type Datatype, integerType } from './datatype.ts'
import { interfaceName, string } from './strings.ts'
import * as symbols from './symbols.ts'
import { hour, time, timeDate } from './times.ts'

const hex =
  (digits?: number) =>
  (value: bigint, bits: number): string =>
    `0x${value.toString(16).padStart(digits ?? Math.ceil(bits / 4), '0')}`

const plainHex = (value: bigint): string => `0x${value.toString(16)}`

/** A class of traffic control, major and minor: `1:5`; two of them have words. */
const classText = (value: bigint): string => {
  if (value === 0xffffffffn) return 'root'
  if (value === 0n) return 'none'
  const [major, minor] = [value >> 16n, value & 0xffffn]
  return `${major.toString(16)}:${minor.toString(16)}`
}

export const integer = integerType(4, 'integer', { bits: 0 })
export const hostInteger = integerType(4, 'integer host', { bits: 0, order: 'host' })
/** An integer that is printed with 0x: bytes of a packet that have no name. */
export const rawInteger = integerType(4, 'integer raw', { bits: 0, number: plainHex })
export const verdictType = integerType(1, 'verdict', { bits: 0, order: 'host' })
export const inetProtocol = integerType(12, 'inet_proto', { bits: 8, symbols: symbols.protocols })
export const inetService = integerType(13, 'inet_service', { bits: 16 })
export const mark = integerType(19, 'mark', { bits: 32, order: 'host', number: hex(8) })
export const interfaceIndex = integerType(20, 'iface_index', { bits: 32, order: 'host' })
export const boolean = integerType(39, 'boolean', {
  bits: 1,
  symbols: { exists: 1, missing: 0 },
  order: 'host',
})
export const etherType = integerType(10, 'ether_type', {
  bits: 16,
  symbols: symbols.etherTypes,
  number: hex(4),
})

const all: Datatype[] = [
  verdictType,
  integerType(2, 'nf_proto', { bits: 8, symbols: symbols.netfilterProtocols, order: 'host' }),
  integerType(3, 'bitmask', { bits: 0, order: 'host' }),
  integer,
  string,
  linkAddress,
  ipv4Address,
  ipv6Address,
  etherAddress,
  etherType,
  integerType(11, 'arp_op', { bits: 16, symbols: symbols.arpOperations }),
  inetProtocol,
  inetService,
  integerType(14, 'icmp_type', { bits: 8, symbols: symbols.icmpTypes }),
  integerType(15, 'tcp_flag', { bits: 8, symbols: symbols.tcpFlags, bitmask: true, number: plainHex }),
  integerType(16, 'dccp_pkttype', { bits: 4, symbols: symbols.dccpTypes, number: hex(2) }),
  integerType(17, 'mh_type', { bits: 8, symbols: symbols.mobilityTypes }),
  time,
  mark,
  interfaceIndex,
  integerType(21, 'iface_type', { bits: 16, order: 'host', symbols: symbols.interfaceTypes }),
  integerType(22, 'realm', { bits: 32, order: 'host', symbols: { cosmos: 0 }, quoted: true }),
  integerType(23, 'classid', { bits: 32, order: 'host', number: classText }),
  integerType(24, 'uid', { bits: 32, order: 'host' }),
  integerType(25, 'gid', { bits: 32, order: 'host' }),
  integerType(26, 'ct_state', {
    bits: 32,
    order: 'host',
    symbols: symbols.connectionStates,
    bitmask: true,
    number: plainHex,
  }),
  integerType(27, 'ct_dir', { bits: 8, symbols: symbols.connectionDirections, order: 'host' }),
  integerType(28, 'ct_status', {
    bits: 32,
    order: 'host',
    symbols: symbols.connectionStatus,
    bitmask: true,
    number: plainHex,
  }),
  integerType(29, 'icmpv6_type', { bits: 8, symbols: symbols.icmpv6Types }),
  integerType(30, 'ct_label', { bits: 128, order: 'host' }),
  integerType(31, 'pkt_type', { bits: 8, order: 'host', symbols: symbols.packetTypes }),
  integerType(32, 'icmp_code', { bits: 8, symbols: symbols.icmpCodes }),
  integerType(33, 'icmpv6_code', { bits: 8, symbols: symbols.icmpv6Codes }),
  integerType(34, 'icmpx_code', { bits: 8, symbols: symbols.icmpxCodes }),
  integerType(35, 'devgroup', { bits: 32, order: 'host', symbols: { default: 0 }, quoted: true }),
  integerType(36, 'dscp', { bits: 6, symbols: symbols.codePoints, number: hex(2) }),
  integerType(37, 'ecn', { bits: 2, symbols: symbols.congestion }),
  integerType(38, 'fib_addrtype', { bits: 32, order: 'host', symbols: symbols.addressTypes }),
  boolean,
  integerType(40, 'ct_event', {
    bits: 32,
    order: 'host',
    symbols: symbols.connectionEvents,
    bitmask: true,
    number: plainHex,
  }),
  interfaceName,
  integerType(42, 'igmp_type', { bits: 8, symbols: symbols.igmpTypes }),
  timeDate,
  hour,
  integerType(45, 'day', { bits: 8, order: 'host', symbols: symbols.days, quoted: true }),
  integerType(46, 'cgroupsv2', { bits: 64, order: 'host' }),
]

const byName = new Map<string, Datatype>()
const byId = new Map<number, Datatype>()
for (const type of [...all, hostInteger, rawInteger]) {
  if (!byName.has(type.name)) byName.set(type.name, type)
  if (!byId.has(type.id)) byId.set(type.id, type)
}

/**
 * A datatype by nft's name for it, or one of ours for what nft calls `integer` too: `integer host` in the CPU's byte
 * order, `integer raw` printed with 0x; `time date` for points in time. Throws RangeError for a name that nft does not have.
 */
export const datatype = (name: string): Datatype => {
  const found = byName.get(name)
  if (found === undefined) throw new RangeError(`There is no datatype ${JSON.stringify(name)}`)
  return found
}

/** A datatype by nft's number, or undefined. */
export const datatypeById = (id: number): Datatype | undefined => byId.get(id)

/** nft gives each field of a concatenation six bits of the key's type number; the last field is in the lowest. */
const fieldBits = 6

/** The number that the kernel keeps for a key of these fields. */
export const typeNumber = (fields: readonly Datatype[]): number =>
  fields.reduce((number, field) => number * 2 ** fieldBits + field.id, 0)

/** The fields of a type number, or undefined when a part has no datatype. */
export const fieldsOf = (number: number): Datatype[] | undefined => {
  const fields: Datatype[] = []
  for (let rest = number; rest > 0; rest = Math.floor(rest / 2 ** fieldBits)) {
    const field = byId.get(rest % 2 ** fieldBits)
    if (field === undefined) return undefined
    fields.unshift(field)
  }
  return fields.length > 0 ? fields : undefined
}

/** Datatypes whose values nft writes as prefixes, where a mask or an interval is one. */
export const prefixTypes: ReadonlySet<string> = new Set(['ipv4_addr', 'ipv6_addr', 'mark', 'realm'])

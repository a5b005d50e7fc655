import type { ChangedField, HeaderChange, Headers, Tuple } from './parts.ts'

/** Headers as values: what a change makes of them, and of which fields they consist for a reader. All pure. */

/** The headers behind some changes. Fields that are not known are not made up. */
export const withChanges = (headers: Headers, changes: readonly HeaderChange[]): Headers =>
  changes.reduce((made, { field, after }) => withField(made, field, after), headers)

/** The headers before some changes. */
export const withoutChanges = (headers: Headers, changes: readonly HeaderChange[]): Headers =>
  changes.toReversed().reduce((made, { field, before }) => withField(made, field, before), headers)

/** The mark is no part of a header. */
const withField = (headers: Headers, field: ChangedField, value: string | number): Headers =>
  field === 'mark' ? headers : { ...headers, [field]: value }

/** What is known of a packet that nobody has seen. */
export const headersOfTuple = ({
  source,
  destination,
  protocol,
  sourcePort,
  destinationPort,
  icmp,
}: Tuple): Headers => ({
  family: source.includes(':') ? 6 : 4,
  source,
  destination,
  protocol,
  ...(sourcePort === undefined ? {} : { sourcePort }),
  ...(destinationPort === undefined ? {} : { destinationPort }),
  ...(icmp === undefined ? {} : { icmpType: icmp.type, icmpCode: icmp.code, icmpId: icmp.id }),
})

/** The connection that a packet with these headers belongs to or begins. */
export const tupleOfHeaders = (headers: Headers): Tuple => ({
  source: headers.source,
  destination: headers.destination,
  protocol: headers.protocol ?? 0,
  ...(headers.sourcePort === undefined ? {} : { sourcePort: headers.sourcePort }),
  ...(headers.destinationPort === undefined ? {} : { destinationPort: headers.destinationPort }),
  ...(headers.icmpId === undefined
    ? {}
    : { icmp: { type: headers.icmpType ?? 0, code: headers.icmpCode ?? 0, id: headers.icmpId } }),
})

/** A field that a reader is shown. */
export type HeaderField =
  | 'source'
  | 'sourcePort'
  | 'destination'
  | 'destinationPort'
  | 'protocol'
  | 'icmpType'
  | 'icmpId'
  | 'icmpSequence'
  | 'tcpFlags'
  | 'ttl'
  | 'dscp'
  | 'mark'
  | 'ipId'
  | 'length'

/** A line of the table of headers: the same text twice where nothing changed. */
export type HeaderRow = { field: HeaderField; before: string; after: string; isChanged: boolean }

const fields: readonly Exclude<HeaderField, 'mark'>[] = [
  'source',
  'sourcePort',
  'destination',
  'destinationPort',
  'protocol',
  'icmpType',
  'icmpId',
  'icmpSequence',
  'tcpFlags',
  'ttl',
  'ipId',
  'length',
  'dscp',
]

/** The lines of the table, in an order that stays the same at every step. The DSCP and the mark stand there when they matter. */
export const headerRows = (
  before: Headers | undefined,
  after: Headers | undefined,
  changes: readonly HeaderChange[],
): HeaderRow[] => {
  const [old, now] = [before ?? after, after ?? before]
  if (old === undefined || now === undefined) return []
  const rows = fields.flatMap((field): HeaderRow[] => {
    const [one, other] = [valueText(field, old), valueText(field, now)]
    if (one === undefined || other === undefined || (field === 'dscp' && one === '0' && other === '0'))
      return []
    return [{ field, before: one, after: other, isChanged: one !== other }]
  })
  const mark = changes.find(({ field }) => field === 'mark')
  return mark === undefined
    ? rows
    : [...rows, { field: 'mark', before: hex(mark.before), after: hex(mark.after), isChanged: true }]
}

const hex = (value: string | number): string =>
  typeof value === 'number' ? `0x${value.toString(16)}` : value

const valueText = (field: Exclude<HeaderField, 'mark'>, headers: Headers): string | undefined => {
  const value = headers[field]
  if (value === undefined) return undefined
  if (field === 'protocol') return protocolName(Number(value))
  if (field === 'tcpFlags') return flagsText(Number(value))
  if (field === 'icmpType') return icmpTypeText(Number(value), headers)
  return `${value}`
}

const protocolNames: Readonly<Record<number, string>> = {
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  33: 'DCCP',
  47: 'GRE',
  58: 'ICMPv6',
  132: 'SCTP',
}

/** 'TCP', or the number (IANA's protocol numbers). */
export const protocolName = (number: number): string => protocolNames[number] ?? `${number}`

const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const

/** 'SYN ACK' (RFC 9293 section 3.1). */
export const flagsText = (flags: number): string =>
  flagNames.filter((_name, bit) => (flags >> bit) & 1).join(' ') || '0'

const icmpTypes: Readonly<Record<number, string>> = {
  0: 'echo reply',
  3: 'destination unreachable',
  5: 'redirect',
  8: 'echo request',
  11: 'time exceeded',
  12: 'parameter problem',
}
const icmpv6Types: Readonly<Record<number, string>> = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  4: 'parameter problem',
  128: 'echo request',
  129: 'echo reply',
}

const icmpTypeText = (type: number, { family, icmpCode }: Headers): string => {
  const name = (family === 6 ? icmpv6Types : icmpTypes)[type]
  const code = icmpCode === undefined || icmpCode === 0 ? '' : `, code ${icmpCode}`
  return name === undefined ? `${type}${code}` : `${type}, ${name}${code}`
}

const withPort = (address: string, port: number | undefined): string =>
  port === undefined ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`

/** '192.168.45.3:41234 > 192.168.1.15:80', and what else tells one packet from another, as a capture shows it. */
export const headersText = (headers: Headers): string => {
  const { source, sourcePort, destination, destinationPort, icmpId, tcpFlags } = headers
  const ends = `${withPort(source, sourcePort)} > ${withPort(destination, destinationPort)}`
  if (icmpId !== undefined) return `${ends}, id ${icmpId}`
  return tcpFlags === undefined ? ends : `${ends} ${flagsText(tcpFlags)}`
}

/** One direction of a connection in a line. */
export const tupleText = ({ source, sourcePort, destination, destinationPort, icmp }: Tuple): string =>
  `${withPort(source, sourcePort)} > ${withPort(destination, destinationPort)}${icmp === undefined ? '' : `, id ${icmp.id}`}`

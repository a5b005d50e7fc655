import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { u16, u32 } from './bytes.ts'
import { Fingerprint } from './fingerprint.ts'
import { type TupleKey, tupleKey } from './tuple-key.ts'

/**
 * Theory of operation. A packet that a host forwards and translates gets other addresses, ports (or an identifier of
 * ICMP), checksums, a smaller TTL and perhaps a smaller MSS; everything else stays. `identityOf` reads apart what stays (the
 * `key`: two packets with different keys are different packets) and what connection tracking can translate (the
 * `tuple`). It is read from the bytes and not by way of `decodePacket`, as that costs several times as much, and this is
 * done for every packet at every point.
 */

export type Identity = {
  /** Stands for everything that forwarding and NAT leave as it is, as far as it was captured. */
  key: number
  /** As `keyOfTuple`; of an ICMP error that of the packet it quotes. */
  tuple: TupleKey
  /** Whether it is an ICMP error, so that `tuple` goes the other way. */
  isError: boolean
  /** TTL or hop limit. */
  timeToLive: number
  /** Whether its sender gave it a number of its own, so that hardly any other packet has its key. */
  isNumbered: boolean
}

type Ip = {
  protocol: number
  /** Where its two addresses are, and how long each is. */
  addresses: number
  size: 4 | 16
  timeToLive: number
  /** 0 where there is none: IPv6, and packets that may not be fragmented. */
  id: number
  /** Offset and more-fragments of IPv4. */
  fragment: number
  length: number
  /** Where its payload begins. */
  payload: number
}

const IPV4 = 0x0800
const IPV6 = 0x86dd
const vlanTypes: readonly number[] = [0x8100, 0x88a8]
/** Bytes of what an application sends that are looked at: more than these a short snapshot has not got either. */
const mostData = 64

const fingerprint = new Fingerprint()

/** Kinds of packets, so that what is told of one is never taken for what is told of another. */
const kinds = { fragment: 1, error: 2, other: 3 } as const

/** What identifies a packet; undefined for what is not IP, is cut too short, or has extension headers. Pure. */
export const identityOf = (bytes: Uint8Array, link: 'ethernet' | 'ip'): Identity | undefined => {
  const ip = ipAt(bytes, link === 'ip' ? 0 : afterEthernet(bytes))
  if (ip === undefined) return undefined
  const { protocol, payload, timeToLive, id, fragment } = ip
  if ((fragment & 0x1fff) !== 0) {
    const key = begin(ip, kinds.fragment).bytes(bytes, payload, mostData).value()
    const tuple = tupleKey(protocol, bytes, ip.addresses, ip.size, undefined, undefined)
    return { key, tuple, isError: false, timeToLive, isNumbered: id !== 0 }
  }
  const quoted =
    isIcmp(protocol) && isErrorType(protocol, bytes[payload]) ? ipAt(bytes, payload + 8) : undefined
  if (quoted !== undefined) {
    const key = begin(ip, kinds.error)
      .word(u16(bytes, payload))
      .word(u32(bytes, payload + 4))
      .word(quoted.protocol)
      .word((quoted.id << 16) | quoted.length)
      .value()
    return { key, tuple: tupleAt(bytes, quoted), isError: true, timeToLive, isNumbered: id !== 0 }
  }
  begin(ip, kinds.other)
  addTransport(bytes, protocol, payload)
  return {
    key: fingerprint.value(),
    tuple: tupleAt(bytes, ip),
    isError: false,
    timeToLive,
    isNumbered: id !== 0 || hasQuery(protocol, bytes[payload]),
  }
}

const begin = ({ protocol, id, fragment, length, size }: Ip, kind: number): Fingerprint =>
  fingerprint
    .begin()
    .word((kind << 16) | (size << 8) | protocol)
    .word((id << 16) | length)
    .word(fragment)

/** Where the packet in an Ethernet frame begins, behind the tags of VLANs; past the end for what is not IP. */
const afterEthernet = (bytes: Uint8Array): number => {
  let at = 12
  while (vlanTypes.includes(u16(bytes, at))) at += 4
  const type = u16(bytes, at)
  return type === IPV4 || type === IPV6 ? at + 2 : bytes.length
}

const ipAt = (bytes: Uint8Array, at: number): Ip | undefined => {
  const version = (bytes[at] ?? 0) >> 4
  if (version === 4 && bytes.length >= at + 20)
    return {
      protocol: bytes[at + 9] ?? 0,
      addresses: at + 12,
      size: 4,
      timeToLive: bytes[at + 8] ?? 0,
      id: u16(bytes, at + 4),
      fragment: u16(bytes, at + 6) & 0x3fff,
      length: u16(bytes, at + 2),
      payload: at + ((bytes[at] ?? 0) & 0x0f) * 4,
    }
  if (version !== 6 || bytes.length < at + 40) return undefined
  const protocol = bytes[at + 6] ?? 0
  if (!known.includes(protocol)) return undefined
  return {
    protocol,
    addresses: at + 8,
    size: 16,
    timeToLive: bytes[at + 7] ?? 0,
    id: 0,
    fragment: 0,
    length: u16(bytes, at + 4),
    payload: at + 40,
  }
}

const { icmp, tcp, udp, icmpv6, sctp } = PROTOCOL_NUMBER
const known: readonly number[] = [tcp, udp, icmpv6, sctp]

const isIcmp = (protocol: number): boolean => protocol === icmp || protocol === icmpv6

/** Types that quote the packet they are about (RFC 792, RFC 4443). */
const isErrorType = (protocol: number, type = 255): boolean =>
  protocol === icmpv6 ? type < 128 : [3, 4, 5, 11, 12].includes(type)

/** Types with an identifier and a sequence number. */
const hasQuery = (protocol: number, type = 255): boolean =>
  protocol === icmp
    ? [0, 8, 13, 14, 15, 16, 17, 18].includes(type)
    : protocol === icmpv6 && (type === 128 || type === 129)

const tupleAt = (bytes: Uint8Array, { protocol, addresses, size, payload }: Ip): TupleKey => {
  if (isIcmp(protocol))
    return hasQuery(protocol, bytes[payload])
      ? tupleKey(protocol, bytes, addresses, size, bytes[payload], u16(bytes, payload + 4))
      : tupleKey(protocol, bytes, addresses, size, bytes[payload], undefined)
  const hasPorts = protocol === tcp || protocol === udp || protocol === sctp
  return hasPorts
    ? tupleKey(protocol, bytes, addresses, size, u16(bytes, payload), u16(bytes, payload + 2))
    : tupleKey(protocol, bytes, addresses, size, undefined, undefined)
}

/** Ports, identifiers, checksums and the options of TCP are left out: NAT and an MSS clamp change them. */
const addTransport = (bytes: Uint8Array, protocol: number, at: number): void => {
  if (protocol === tcp) {
    for (const word of [4, 8, 12]) fingerprint.word(u32(bytes, at + word))
    fingerprint.bytes(bytes, at + ((bytes[at + 12] ?? 0) >> 4) * 4, mostData)
  } else if (protocol === udp) fingerprint.word(u16(bytes, at + 4)).bytes(bytes, at + 8, mostData)
  else if (protocol === sctp) fingerprint.word(u32(bytes, at + 4)).bytes(bytes, at + 12, mostData)
  else if (isIcmp(protocol)) {
    const rest = hasQuery(protocol, bytes[at]) ? u16(bytes, at + 6) : u32(bytes, at + 4)
    fingerprint
      .word(u16(bytes, at))
      .word(rest)
      .bytes(bytes, at + 8, mostData)
  } else fingerprint.bytes(bytes, at, mostData)
}

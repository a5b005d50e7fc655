import { formatIp } from '../../net/ip.ts'
import { PROTOCOL_NUMBER } from '../../net/protocol.ts'
import type { Infer } from '../../netlink/codec.ts'
import type { payloadExpression } from '../expressions/payload.ts'
import { type Bits, isKnown, slice, unknownBits } from './bits.ts'
import type { Context } from './context.ts'
import { networkHeader, transportHeader, withPorts } from './header-bytes.ts'
import type { Packet } from './packet.ts'
import { type State, withPacket } from './state.ts'
import { goOn, onlyIf, type Step } from './step.ts'

type Payload = Infer<typeof payloadExpression>

/** Fields of the description, where they lie in a header, in bytes, and what these say. */
type Place = readonly [
  field: keyof Packet,
  offset: number,
  length: number,
  read: (bits: Bits) => string | number | undefined,
]

const number = (bits: Bits): number | undefined =>
  isKnown(bits) ? bits.value.reduce((sum, byte) => sum * 256 + byte, 0) : undefined
const address = (bits: Bits): string | undefined => (isKnown(bits) ? formatIp(bits.value) : undefined)
/** Six bits that begin so many bits above the lowest. */
const dscp =
  (above: number) =>
  (bits: Bits): number | undefined => {
    const mask = 0x3f << above
    const join = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum * 256 + byte, 0)
    return (join(bits.known) & mask) === mask ? (join(bits.value) & mask) >> above : undefined
  }

const networkPlaces: Record<4 | 6, readonly Place[]> = {
  4: [
    ['dscp', 1, 1, dscp(2)],
    ['ttl', 8, 1, number],
    ['protocol', 9, 1, number],
    ['source', 12, 4, address],
    ['destination', 16, 4, address],
  ],
  6: [
    ['dscp', 0, 2, dscp(6)],
    ['protocol', 6, 1, number],
    ['ttl', 7, 1, number],
    ['source', 8, 16, address],
    ['destination', 24, 16, address],
  ],
}

const transportPlaces: readonly Place[] = [
  ['sourcePort', 0, 2, number],
  ['destinationPort', 2, 2, number],
  ['icmpType', 0, 1, number],
  ['icmpCode', 1, 1, number],
  ['tcpFlags', 13, 1, number],
]

/** Loads bytes of the packet; a rule that writes to them makes the field unknown. net/netfilter/nft_payload.c. */
export const evaluatePayload = (data: Payload, { registers, state }: Context): Step => {
  const { offset = 0, length = 0, dreg } = data
  if (dreg === undefined) return goOn(written(data, registers.load(data.sreg, length), state))
  if (data.base !== 'network' && data.base !== 'transport') {
    registers.store(dreg, unknownBits(length))
    // The bytes may not be there at all: a packet of this host's own has no link header.
    return onlyIf('unknown', state)
  }
  const header = data.base === 'network' ? networkHeader(state.packet) : transportHeader(state.packet)
  registers.store(dreg, slice(header, offset, length))
  return goOn(state)
}

const hasField = ({ protocol }: Packet, field: keyof Packet): boolean =>
  field === 'tcpFlags'
    ? protocol === PROTOCOL_NUMBER.tcp
    : field === 'icmpType' || field === 'icmpCode'
      ? protocol === PROTOCOL_NUMBER.icmp || protocol === PROTOCOL_NUMBER.icmpv6
      : protocol !== undefined && withPorts.includes(protocol)

/** The fields of a header with these bytes in it. What of a field is not known makes the whole field unknown. */
const written = ({ base, offset = 0, length = 0 }: Payload, bits: Bits, state: State): State => {
  const { packet } = state
  const isNetwork = base === 'network'
  const places = isNetwork ? networkPlaces[packet.family] : base === 'transport' ? transportPlaces : []
  const touched = places.filter(([, start, size]) => start < offset + length && offset < start + size)
  if (touched.length === 0) return state
  const before = isNetwork ? networkHeader(packet) : transportHeader(packet)
  const after: Bits = { value: before.value.slice(), known: before.known.slice() }
  const room = Math.max(0, after.value.length - offset)
  after.value.set(bits.value.subarray(0, room), offset)
  after.known.set(bits.known.subarray(0, room), offset)
  return withPacket(
    state,
    Object.fromEntries(
      touched
        // A field that the protocol does not have (a port of ICMP) is none behind it either.
        .filter(([field]) => isNetwork || hasField(packet, field))
        .flatMap(([field, start, size, read]) => [
          [field, read(slice(after, start, size))],
          ...(field === 'sourcePort' || field === 'destinationPort' ? [[`${field}s`, undefined]] : []),
        ]),
    ),
  )
}

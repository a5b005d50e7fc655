import type { Infer } from '../../netlink/codec.ts'
import type { payloadExpression } from '../expressions/payload.ts'
import { slice, unknownBits } from './bits.ts'
import type { Context } from './context.ts'
import { networkHeader, transportHeader } from './header-bytes.ts'
import type { Packet } from './packet.ts'
import { type State, withPacket } from './state.ts'
import { goOn, onlyIf, type Step } from './step.ts'

type Payload = Infer<typeof payloadExpression>

/** Fields of the description and where they lie in a header, in bytes. */
type Place = readonly [field: keyof Packet, offset: number, length: number]

const networkPlaces: Record<4 | 6, readonly Place[]> = {
  4: [
    ['protocol', 9, 1],
    ['source', 12, 4],
    ['destination', 16, 4],
  ],
  6: [
    ['protocol', 6, 1],
    ['source', 8, 16],
    ['destination', 24, 16],
  ],
}

const transportPlaces: readonly Place[] = [
  ['sourcePort', 0, 2],
  ['destinationPort', 2, 2],
  ['icmpType', 0, 1],
  ['icmpCode', 1, 1],
  ['tcpFlags', 13, 1],
]

/** Loads bytes of the packet; a rule that writes to them makes the field unknown. net/netfilter/nft_payload.c. */
export const evaluatePayload = (data: Payload, { registers, state }: Context): Step => {
  const { offset = 0, length = 0, dreg } = data
  if (dreg === undefined) return goOn(written(data, state))
  if (data.base !== 'network' && data.base !== 'transport') {
    registers.store(dreg, unknownBits(length))
    // The bytes may not be there at all: a packet of this host's own has no link header.
    return onlyIf('unknown', state)
  }
  const header = data.base === 'network' ? networkHeader(state.packet) : transportHeader(state.packet)
  registers.store(dreg, slice(header, offset, length))
  return goOn(state)
}

const written = ({ base, offset = 0, length = 0 }: Payload, state: State): State => {
  const places =
    base === 'network' ? networkPlaces[state.packet.family] : base === 'transport' ? transportPlaces : []
  const touched = places.filter(([, start, size]) => start < offset + length && offset < start + size)
  return touched.length === 0
    ? state
    : withPacket(state, Object.fromEntries(touched.map(([field]) => [field, undefined])))
}

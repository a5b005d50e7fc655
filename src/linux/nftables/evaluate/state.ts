import { type Bits, integerBits, joinBits, wordOf } from './bits.ts'
import type { Packet } from './packet.ts'

/** The packet between two rules: rules change it. */
export type State = {
  packet: Packet
  /** The marks bit by bit, as rules set and ask for single bits of them. */
  mark: Bits
  ctMark: Bits
  /** Sets that rules wrote to on the way, `family table set`: whether an element is missing there is not known any more. */
  written: ReadonlySet<string>
}

/** The state of a packet that meets its first rule. */
export const startState = (packet: Packet, written: ReadonlySet<string> = new Set()): State => ({
  packet,
  mark: integerBits(packet.mark, 4),
  ctMark: integerBits(packet.ctMark, 4),
  written,
})

/** The packet of a state. */
export const packetOf = ({ packet, mark, ctMark }: State): Packet => {
  const { mark: _mark, ctMark: _ctMark, ...rest } = packet
  const [known, knownOfConnection] = [wordOf(mark), wordOf(ctMark)]
  return {
    ...rest,
    ...(known === undefined ? {} : { mark: known }),
    ...(knownOfConnection === undefined ? {} : { ctMark: knownOfConnection }),
  }
}

/** What is known when the packet came one of two ways: that in which both agree. */
export const joinStates = (one: State, other: State): State =>
  one === other
    ? one
    : {
        packet: joinPackets(one.packet, other.packet),
        mark: joinBits(one.mark, other.mark),
        ctMark: joinBits(one.ctMark, other.ctMark),
        written: one.written === other.written ? one.written : new Set([...one.written, ...other.written]),
      }

/** The same where one of the ways may not exist. */
export const joinOptional = (one: State | undefined, other: State | undefined): State | undefined =>
  one === undefined ? other : other === undefined ? one : joinStates(one, other)

const joinPackets = (one: Packet, other: Packet): Packet => {
  if (one === other) return one
  const agreed = Object.entries(one).filter(([key, value]) => {
    const there = other[key as keyof Packet]
    return value === there || JSON.stringify(value) === JSON.stringify(there)
  })
  return Object.fromEntries(agreed) as Packet
}

/** The state with other facts of its packet; undefined makes a fact unknown. */
export const withPacket = (state: State, changes: { [K in keyof Packet]?: Packet[K] | undefined }): State => {
  const packet: Record<string, unknown> = { ...state.packet, ...changes }
  for (const key of Object.keys(packet)) if (packet[key] === undefined) delete packet[key]
  return { ...state, packet: packet as Packet }
}

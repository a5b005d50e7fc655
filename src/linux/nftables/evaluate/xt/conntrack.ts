import { and, compare, integerBits, isKnown, knownBits, wordOf } from '../bits.ts'
import type { Context } from '../context.ts'
import { directionOf, hasConnection, originalTuple, statusBits } from '../ct.ts'
import { addressBits } from '../header-bytes.ts'
import type { ConnectionState } from '../packet.ts'
import { all, any, inverted, same, type Truth } from '../truth.ts'
import type { Info } from './info.ts'
import type { XtMatch } from './match.ts'

/** XT_CONNTRACK_* in match_flags and invert_flags: which facts a rule asks for. */
const asks = {
  state: 1,
  protocol: 2,
  originalSource: 4,
  originalDestination: 8,
  replySource: 0x10,
  replyDestination: 0x20,
  status: 0x40,
  expires: 0x80,
  originalSourcePort: 0x100,
  originalDestinationPort: 0x200,
  replySourcePort: 0x400,
  replyDestinationPort: 0x800,
  direction: 0x1000,
} as const

/** XT_CONNTRACK_STATE_*. */
const states: Record<ConnectionState, number> = {
  invalid: 1,
  established: 2,
  related: 4,
  new: 8,
  untracked: 0x100,
}
const translatedSource = 0x40
const translatedDestination = 0x80

/** Whether the packet has one of the states of a mask. Translation counts as a state there. */
const stateMatches = (mask: number, { packet }: Context['state']): Truth => {
  const { ctState, ctStatus } = packet
  const word = ctState === undefined ? 'unknown' : (mask & states[ctState]) !== 0
  const tracked = hasConnection(packet) ?? 'unknown'
  const flag = (bit: number, value: boolean | undefined): Truth =>
    (mask & bit) === 0 ? false : all([tracked, value ?? 'unknown'])
  const anyState = Object.values(states).reduce((sum, bit) => sum | bit, 0)
  return any([
    ctState === undefined && (mask & anyState) === 0 ? false : word,
    flag(translatedSource, ctStatus?.snat),
    flag(translatedDestination, ctStatus?.dnat),
  ])
}

/**
 * struct xt_conntrack_mtinfo1 to 3, linux/netfilter/xt_conntrack.h: eight addresses and masks, two times, protocol,
 * four ports, flags, states and status; revision 3 adds the upper ends of the ports. Equivalent to: `-m conntrack`
 */
export const conntrack: XtMatch = (info, context, revision) => {
  if (revision < 1 || revision > 3 || !info.has(revision === 3 ? 162 : 152)) return 'unknown'
  const { packet } = context.state
  const [flags, invert] = [info.u16(146), info.u16(148)]
  const [stateMask, statusMask] =
    revision === 1 ? [info.u8(150), info.u8(151)] : [info.u16(150), info.u16(152)]
  const asked = (flag: number, truth: () => Truth): Truth =>
    (flags & flag) === 0 ? true : inverted(truth(), (invert & flag) !== 0)
  const ofState = asked(asks.state, () => stateMatches(stateMask, context.state))
  const tracked = hasConnection(packet)
  // Without a connection there is nothing more to ask: a rule that asks for a state matches by that alone.
  if (tracked === false) return (flags & asks.state) === 0 ? false : ofState
  const [original, reply] = [originalTuple(packet, context.hook), packet.ctReply ?? {}]
  const address = (offset: number, value: string | undefined) => () => {
    const length = packet.family === 4 ? 4 : 16
    const mask = info.part(offset + 16, length)
    return compare(and(addressBits(value, length), knownBits(mask)), '==', info.part(offset, length))
  }
  const port = (low: number, high: number, value: number | undefined) => () =>
    revision === 3 ? inPorts(value, info.u16(low), info.u16(high)) : same(value, info.be16(low))
  const rest = all([
    asked(asks.protocol, () => same(packet.protocol, info.u16(136))),
    asked(asks.originalSource, address(0, original.source)),
    asked(asks.originalDestination, address(32, original.destination)),
    asked(asks.replySource, address(64, reply.source)),
    asked(asks.replyDestination, address(96, reply.destination)),
    asked(asks.originalSourcePort, port(138, 154, original.sourcePort)),
    asked(asks.originalDestinationPort, port(140, 156, original.destinationPort)),
    asked(asks.replySourcePort, port(142, 158, reply.sourcePort)),
    asked(asks.replyDestinationPort, port(144, 160, reply.destinationPort)),
    asked(asks.status, () => anyBit(packet, statusMask)),
    asked(asks.direction, () => same(directionOf(packet), 'original')),
    asked(asks.expires, () => 'unknown'),
  ])
  if (tracked === true) return all([ofState, rest])
  // Whether there is a connection is unknown.
  return all([ofState, rest === false && (flags & asks.state) !== 0 ? 'unknown' : rest, 'unknown'])
}

const anyBit = (packet: Context['state']['packet'], mask: number): Truth => {
  const word = and(statusBits(packet), integerBits(mask, 4))
  if (isKnown(word)) return wordOf(word) !== 0
  return word.value.some(byte => byte !== 0) ? true : 'unknown'
}

/** Whether a port lies in a range; `possible` is where it is if it is not known. */
export const inPorts = (
  port: number | undefined,
  first: number,
  last: number,
  possible: { first: number; last: number } = { first: 0, last: 0xffff },
): Truth => {
  const range = port === undefined ? possible : { first: port, last: port }
  if (range.first >= first && range.last <= last) return true
  return range.last < first || range.first > last ? false : 'unknown'
}

/** XT_STATE_UNTRACKED; the other states have the same bits as in conntrack. */
const stateUntracked = 0x40

/** struct xt_state_info, linux/netfilter/xt_state.h. Equivalent to: `-m state` */
export const state: XtMatch = (info: Info, context) => {
  if (!info.has(4)) return 'unknown'
  const mask = info.u32(0)
  const { ctState } = context.state.packet
  if (ctState === undefined) return 'unknown'
  return (mask & (ctState === 'untracked' ? stateUntracked : states[ctState])) !== 0
}

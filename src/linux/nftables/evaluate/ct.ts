import type { Infer } from '../../netlink/codec.ts'
import type { CtKey, ctExpression } from '../expressions/ct.ts'
import { type Bits, integerBits, maskedWord, unknownBits } from './bits.ts'
import type { Context } from './context.ts'
import { addressBits } from './header-bytes.ts'
import type { ConnectionState, Packet, Tuple } from './packet.ts'
import { goOn, onlyIf, type Step } from './step.ts'

/** NF_CT_STATE_*: the bit of each state in a register. */
export const stateBits: Record<ConnectionState, number> = {
  invalid: 1,
  established: 2,
  related: 4,
  new: 8,
  untracked: 64,
}

/** enum ip_conntrack_status, as far as a description knows them. */
const status = { expected: 1, seenReply: 2, assured: 4, confirmed: 8, snat: 0x10, dnat: 0x20 } as const

/** Whether the packet belongs to a connection: undefined when that is unknown. */
export const hasConnection = ({ ctState }: Packet): boolean | undefined =>
  ctState === undefined ? undefined : ctState !== 'invalid' && ctState !== 'untracked'

/** The connection's status bits. The first packet of a connection has seen no reply. */
export const statusBits = ({ ctState, ctStatus }: Packet): Bits => {
  let [value, known] = [0, 0]
  const put = (bit: number, flag: boolean | undefined) => {
    if (flag === undefined) return
    known |= bit
    if (flag) value |= bit
  }
  put(status.dnat, ctStatus?.dnat)
  put(status.snat, ctStatus?.snat)
  if (ctState === 'new') {
    put(status.seenReply, false)
    put(status.assured, false)
  }
  return maskedWord(value, known)
}

/** Which way the packet goes: a new connection's packet goes the original way. */
export const directionOf = ({ ctState, ctDirection }: Packet): 'original' | 'reply' | undefined =>
  ctDirection ?? (ctState === 'new' ? 'original' : undefined)

/**
 * The connection's original tuple. Where the packet goes the original way its source is the original one until
 * postrouting, and so is the destination if it is not translated.
 */
export const originalTuple = (packet: Packet, hook: Context['hook']): Tuple => {
  if (packet.ctOriginal !== undefined) return packet.ctOriginal
  if (
    directionOf(packet) !== 'original' ||
    (hook !== 'prerouting' && hook !== 'forward' && hook !== 'output')
  )
    return {}
  const { source, sourcePort, destination, destinationPort, ctStatus } = packet
  return {
    ...(source === undefined ? {} : { source }),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(ctStatus?.dnat !== false || destination === undefined ? {} : { destination }),
    ...(ctStatus?.dnat !== false || destinationPort === undefined ? {} : { destinationPort }),
  }
}

const bytesOf: Partial<Record<CtKey, number>> = {
  helper: 16,
  label: 16,
  packets: 8,
  bytes: 8,
  avgpkt: 8,
  zone: 2,
}

const load = (data: Infer<typeof ctExpression>, { state, hook }: Context): Bits | 'none' => {
  const { packet } = state
  const length = packet.family === 4 ? 4 : 16
  const tuple = data.direction === 1 ? (packet.ctReply ?? {}) : originalTuple(packet, hook)
  switch (data.key) {
    case 'state':
      return integerBits(packet.ctState === undefined ? undefined : stateBits[packet.ctState], 4)
    case 'status':
      return statusBits(packet)
    case 'direction': {
      const direction = directionOf(packet)
      return integerBits(direction === undefined ? undefined : direction === 'original' ? 0 : 1, 1)
    }
    case 'mark':
      return state.ctMark
    case 'l3proto':
      return integerBits(packet.family === 4 ? 2 : 10, 1)
    case 'protocol':
      return integerBits(packet.protocol, 1)
    case 'saddr':
      return addressBits(tuple.source, length)
    case 'daddr':
      return addressBits(tuple.destination, length)
    case 'ip saddr':
      return packet.family === 4 ? addressBits(tuple.source, 4) : 'none'
    case 'ip daddr':
      return packet.family === 4 ? addressBits(tuple.destination, 4) : 'none'
    case 'ip6 saddr':
      return packet.family === 6 ? addressBits(tuple.source, 16) : 'none'
    case 'ip6 daddr':
      return packet.family === 6 ? addressBits(tuple.destination, 16) : 'none'
    case 'proto-src':
      return integerBits(tuple.sourcePort, 2, 'network')
    case 'proto-dst':
      return integerBits(tuple.destinationPort, 2, 'network')
    default:
      return unknownBits((typeof data.key === 'string' ? bytesOf[data.key] : undefined) ?? 4)
  }
}

/**
 * Loads a fact of the packet's connection, or sets one, of which only the mark matters to verdicts. Without a connection
 * everything but its state ends the rule. net/netfilter/nft_ct.c.
 */
export const evaluateCt = (data: Infer<typeof ctExpression>, context: Context): Step => {
  const { registers, state } = context
  if (data.dreg === undefined)
    return goOn(data.key === 'mark' ? { ...state, ctMark: registers.load(data.sreg, 4) } : state)
  const loaded = load(data, context)
  if (loaded === 'none') return onlyIf(false, state)
  registers.store(data.dreg, loaded)
  if (data.key === 'state') return goOn(state)
  // A connection that has no helper ends the rule too.
  if (data.key === 'helper') return onlyIf('unknown', state)
  return onlyIf(hasConnection(state.packet) ?? 'unknown', state)
}

import type { Infer } from '../../netlink/codec.ts'
import type { MetaKey, metaExpression } from '../expressions/meta.ts'
import { type Bits, integerBits, knownBits, unknownBits } from './bits.ts'
import type { Context } from './context.ts'
import { goOn, onlyIf, type Step } from './step.ts'

/** IFNAMSIZ. Kinds of links take as much. */
const nameBytes = 16

const encoder = new TextEncoder()

/** A name as it stands in a register. */
export const nameBits = (name: string | undefined): Bits => {
  if (name === undefined) return unknownBits(nameBytes)
  const bytes = new Uint8Array(nameBytes)
  bytes.set(encoder.encode(name).subarray(0, nameBytes - 1))
  return knownBits(bytes)
}

/** NFPROTO_* and ETH_P_* of the two families. */
const families = { 4: { number: 2, etherType: 0x0800 }, 6: { number: 10, etherType: 0x86dd } } as const

/** The loopback interface has the index 1 in every namespace; no interface has the index 0. */
const indexOf = (index: number | undefined, name: string | undefined): number | undefined =>
  index ?? (name === 'lo' ? 1 : name === '' ? 0 : undefined)

const bytesOf: Partial<Record<MetaKey, number>> = {
  iiftype: 2,
  oiftype: 2,
  nftrace: 1,
  ibrname: nameBytes,
  obrname: nameBytes,
  pkttype: 1,
  ipsec: 1,
  ibrpvid: 2,
  ibrvproto: 2,
  time: 8,
  day: 1,
  sdifname: nameBytes,
  broute: 1,
}

/** Facts of a local socket: a packet that only passes has none. */
const ofSocket: readonly unknown[] = ['skuid', 'skgid', 'cgroup']

const load = (key: MetaKey | number | undefined, { state, hook }: Context): Bits | 'none' => {
  const { packet } = state
  switch (key) {
    case 'length':
      return integerBits(packet.length, 4)
    case 'protocol':
      return integerBits(families[packet.family].etherType, 2, 'network')
    case 'nfproto':
      return integerBits(families[packet.family].number, 1)
    case 'l4proto':
      return integerBits(packet.protocol, 1)
    case 'mark':
      return state.mark
    case 'iif':
      return integerBits(indexOf(packet.iif, packet.iifname), 4)
    case 'oif':
      return integerBits(indexOf(packet.oif, packet.oifname), 4)
    case 'iifname':
      return nameBits(packet.iifname)
    case 'oifname':
      return nameBits(packet.oifname)
    case 'iifgroup':
      return integerBits(packet.iifgroup, 4)
    case 'iifkind':
      return packet.iifname === '' ? 'none' : nameBits(packet.iifkind)
    case 'oifkind':
      return packet.oifname === '' ? 'none' : nameBits(packet.oifkind)
    case 'pkttype':
      // PACKET_HOST: the kernel forwards nothing else.
      return integerBits(hook === 'forward' ? 0 : packet.pkttype, 1)
    default:
      if (ofSocket.includes(key) && (hook === 'forward' || hook === 'prerouting')) return 'none'
      return unknownBits((typeof key === 'string' ? bytesOf[key] : undefined) ?? 4)
  }
}

/** Loads a fact about the packet, or sets one, of which only the mark matters to verdicts. net/netfilter/nft_meta.c. */
export const evaluateMeta = (data: Infer<typeof metaExpression>, context: Context): Step => {
  const { registers, state } = context
  if (data.dreg === undefined)
    return goOn(data.key === 'mark' ? { ...state, mark: registers.load(data.sreg, 4) } : state)
  const loaded = load(data.key, context)
  if (loaded === 'none') return onlyIf(false, state)
  registers.store(data.dreg, loaded)
  return goOn(state)
}

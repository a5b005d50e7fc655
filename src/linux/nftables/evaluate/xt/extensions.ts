import type { Infer } from '../../../netlink/codec.ts'
import type { matchExpression, targetExpression } from '../../expressions/xt.ts'
import type { Context } from '../context.ts'
import { type State, withPacket } from '../state.ts'
import { endWith, goOn, onlyIf, type Step } from '../step.ts'
import type { Truth } from '../truth.ts'
import { addrtype, iprange } from './addresses.ts'
import { conntrack, state } from './conntrack.ts'
import { Info } from './info.ts'
import { connmark, mark, setConnectionMark, setMark } from './marks.ts'
import type { XtMatch } from './match.ts'
import { natTarget } from './nat-target.ts'
import { icmp, icmp6, multiport, tcp, udp } from './ports.ts'

/**
 * The extensions of iptables as iptables-nft leaves them in rules: the name of a match or target and its C structure.
 * Those that are not here depend on what only the kernel knows (a set, a rate, a bridge port).
 */

/** struct xt_length_info, linux/netfilter/xt_length.h. Equivalent to: `-m length` */
const length: XtMatch = (info, { state: { packet } }) => {
  if (!info.has(5) || packet.length === undefined) return 'unknown'
  return (packet.length >= info.u16(0) && packet.length <= info.u16(2)) !== (info.u8(4) !== 0)
}

const comment: XtMatch = (): Truth => true

const matches = new Map<string, XtMatch>(
  Object.entries({
    addrtype,
    comment,
    connmark,
    conntrack,
    icmp,
    icmp6,
    iprange,
    length,
    mark,
    multiport,
    state,
    tcp,
    udp,
  }),
)

/** A match of x_tables. net/netfilter/nft_compat.c. */
export const evaluateMatch = (data: Infer<typeof matchExpression>, context: Context): Step =>
  onlyIf(
    matches.get(data.name ?? '')?.(new Info(data.info), context, data.revision ?? 0) ?? 'unknown',
    context.state,
  )

/** Targets behind which the rule, and then the chain, goes on, without an effect that a later rule may ask for. */
const passing = new Set([
  'AUDIT',
  'CHECKSUM',
  'CLASSIFY',
  'CONNSECMARK',
  'DSCP',
  'ECN',
  'HL',
  'IDLETIMER',
  'LED',
  'LOG',
  'NFLOG',
  'RATEEST',
  'SECMARK',
  'SET',
  'TCPMSS',
  'TCPOPTSTRIP',
  'TEE',
  'TOS',
  'TRACE',
  'TTL',
  'ULOG',
])

const natKinds = { DNAT: 'dnat', SNAT: 'snat', MASQUERADE: 'masquerade', REDIRECT: 'redirect' } as const
const isNatKind = (name: string): name is keyof typeof natKinds => Object.hasOwn(natKinds, name)

/** XT_CT_NOTRACK of struct xt_ct_target_info, linux/netfilter/xt_CT.h. */
const withoutTracking = 1

const untracked = (current: State): State => withPacket(current, { ctState: 'untracked' })

/** A target of x_tables. net/netfilter/nft_compat.c. */
export const evaluateTarget = (data: Infer<typeof targetExpression>, context: Context): Step => {
  const name = data.name ?? ''
  const info = new Info(data.info)
  const current = context.state
  if (passing.has(name)) return goOn(current)
  if (isNatKind(name)) return natTarget(natKinds[name], info, context)
  switch (name) {
    case 'REJECT':
      return endWith({ verdict: 'reject' })
    case 'NFQUEUE':
      return endWith({ verdict: 'queue' })
    case 'MARK':
      return goOn(setMark(info, current))
    case 'CONNMARK':
      return goOn(setConnectionMark(info, current, data.revision ?? 0))
    case 'NOTRACK':
      return goOn(untracked(current))
    case 'CT':
      return goOn(info.has(2) && (info.u16(0) & withoutTracking) !== 0 ? untracked(current) : current)
    default:
      return { go: current, miss: false, ends: [{ verdict: 'unknown' }] }
  }
}

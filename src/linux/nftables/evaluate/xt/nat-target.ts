import { natFlags } from '../../expressions/nat.ts'
import type { Context } from '../context.ts'
import { redirect, translate } from '../nat.ts'
import type { NatAction, Step } from '../step.ts'
import type { Info } from './info.ts'

/** What a translation is asked for: one address, and which ports; undefined where there is none or a range of addresses. */
type Range = {
  address: string | undefined
  ports: Pick<NatAction, 'port' | 'ports' | 'random'>
  givenAddress: boolean
  givenPort: boolean
}

/**
 * struct nf_nat_ipv4_multi_range_compat (a count in front, IPv4 only), struct nf_nat_range and nf_nat_range2, all of
 * linux/netfilter/nf_nat.h. The first is the shortest.
 */
const rangeOf = (info: Info, family: 4 | 6): Range | undefined => {
  const isCompat = info.bytes.length < 40
  // The short form has no room for an address of IPv6.
  if (!info.has(isCompat ? 20 : 40) || (isCompat && family === 6)) return undefined
  const flags = info.u32(isCompat ? 4 : 0)
  const [first, last] = isCompat ? [8, 12] : [4, 20]
  const [low, high] = isCompat ? [16, 18] : [36, 38]
  const givenAddress = (flags & natFlags.mapAddress) !== 0
  const givenPort = (flags & natFlags.protoSpecified) !== 0
  const address = info.address(first, family)
  const isOneAddress = address === info.address(last, family) && (flags & natFlags.netmap) === 0
  const isOnePort = info.be16(low) === info.be16(high) && (flags & natFlags.protoOffset) === 0
  const random = (flags & (natFlags.random | natFlags.fullyRandom)) === 0 ? {} : { random: true as const }
  const ports = !givenPort
    ? {}
    : isOnePort
      ? { port: info.be16(low) }
      : { ports: { first: info.be16(low), last: info.be16(high) } }
  return {
    address: givenAddress && isOneAddress ? address : undefined,
    ports: { ...ports, ...random },
    givenAddress,
    givenPort,
  }
}

const actionOf = (
  kind: NatAction['kind'],
  address: string | undefined,
  ports: Range['ports'],
): NatAction => ({ kind, ...(address === undefined ? {} : { address }), ...ports })

/** The targets DNAT, SNAT, MASQUERADE and REDIRECT of iptables. */
export const natTarget = (kind: NatAction['kind'], info: Info, context: Context): Step => {
  const { state } = context
  const range = rangeOf(info, state.packet.family)
  if (kind === 'redirect')
    return redirect(range?.ports ?? {}, range === undefined || range.givenPort, context)
  if (range === undefined) return translate({ kind }, state)
  const unchanged = kind === 'dnat' ? state.packet.destination : state.packet.source
  const address = kind === 'masquerade' || range.givenAddress ? range.address : unchanged
  return translate(actionOf(kind, address, range.ports), state, range.givenPort)
}

import { isMulticast, isUnspecified } from '../../linux/net/ip.ts'
import { parsePrefix, prefixContains } from '../../linux/net/prefix.ts'
import type { FibAnswer, FibQuestion } from '../../linux/nftables/evaluate/index.ts'
import { routeTable, routeType } from '../../linux/rtnetlink/route.ts'
import type { PlaceFacts } from './facts.ts'

/** Answers to `fib` expressions of rules, from a namespace's routes. */

/** RTN_ANYCAST; of IPv6 the address of a subnet's routers. */
const anycast = 4

/** The type of an address by the table `local`: `local`, `broadcast`, `multicast`, `anycast`, or `unicast`. */
export const addressType = (
  { routes }: Pick<PlaceFacts, 'routes'>,
  address: string,
  device?: number,
): string => {
  if (address === '255.255.255.255' || (isUnspecified(address) && !address.includes(':'))) return 'broadcast'
  if (isMulticast(address)) return 'multicast'
  const [best] = routes
    .filter(({ table, destination }) => table === routeTable.local && prefixContains(destination, address))
    .toSorted((a, b) => lengthOf(b.destination) - lengthOf(a.destination))
  if (best === undefined || (device !== undefined && best.outputIndex !== device)) return 'unicast'
  const { type } = best
  return type === routeType.local
    ? 'local'
    : type === routeType.broadcast
      ? 'broadcast'
      : type === anycast
        ? 'anycast'
        : 'unicast'
}

const lengthOf = (prefix: string): number => parsePrefix(prefix)?.length ?? 0

/** net/ipv4/netfilter/nft_fib_ipv4.c: a look-up of an address, as if this host sent to it. */
export const fibAnswers =
  (facts: PlaceFacts) =>
  ({ flags, result, packet }: FibQuestion): FibAnswer => {
    const { source, destination, iif, oif, mark } = packet
    const address = flags.includes('saddr') ? source : flags.includes('daddr') ? destination : undefined
    if (address === undefined) return undefined
    const asksLink = flags.includes('iif') || flags.includes('oif')
    const link = flags.includes('iif') ? iif : flags.includes('oif') ? oif : undefined
    if (asksLink && link === undefined) return undefined
    if (result === 'type') return addressType(facts, address, link)
    const decision = facts.decide({
      destination: address,
      ...(flags.includes('mark') && mark !== undefined ? { mark } : {}),
    })
    const found = decision.found && decision.type === 'unicast' ? decision.device : undefined
    const fits = found !== undefined && (link === undefined || found.index === link)
    if (result === 'oif') return fits ? found.index : 0
    return fits ? found.name : ''
  }

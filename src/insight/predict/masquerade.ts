import { prefixContains } from '../../linux/net/prefix.ts'
import type { Address } from '../../linux/rtnetlink/address.ts'
import type { PlaceFacts } from './facts.ts'

/** IFA_F_SECONDARY of linux/if_addr.h; the same bit is IFA_F_TEMPORARY of IPv6. */
const secondary = 0x01
/** IFA_F_DADFAILED and IFA_F_TENTATIVE: no address yet. */
const unusable = 0x08 | 0x40
/** RT_SCOPE_UNIVERSE. */
const universe = 0

const onLink = ({ addresses }: Pick<PlaceFacts, 'addresses'>, index: number, family: 4 | 6): Address[] =>
  addresses.filter(address => address.index === index && address.family === family)

/**
 * The address that a masquerade gives to what leaves by a link: of IPv4 the first primary one whose subnet holds the next
 * hop, else the first (inet_select_addr in net/ipv4/devinet.c; a preferred source of the route does not count). Of IPv6 the
 * one that the kernel would choose for the destination (RFC 6724). Undefined where the link has none: the packet is dropped.
 */
export const masqueradeAddress = (
  facts: PlaceFacts,
  link: number,
  family: 4 | 6,
  nextHop: string,
  destination: string,
): string | undefined => {
  if (family === 6) return sourceForIpv6(facts, link, destination)
  const primary = onLink(facts, link, 4).filter(
    ({ flags, scope }) => (flags & secondary) === 0 && scope === universe,
  )
  const near = primary.find(({ address, prefixLength }) =>
    prefixContains(`${address}/${prefixLength}`, nextHop),
  )
  return (near ?? primary[0])?.address
}

const sourceForIpv6 = (facts: PlaceFacts, link: number, destination: string): string | undefined => {
  const usable = onLink(facts, link, 6).filter(
    ({ flags, scope }) => (flags & unusable) === 0 && scope === universe,
  )
  const [only, ...more] = usable
  if (only === undefined || more.length === 0) return only?.address
  const decision = facts.decide({ destination, outputIndex: link })
  return decision.found ? decision.preferredSource : undefined
}

/** The address that `redirect` leads to: the first one of the link by which the packet came. */
export const redirectAddress = (
  facts: PlaceFacts,
  link: number | undefined,
  family: 4 | 6,
): string | undefined => {
  if (link === undefined) return family === 4 ? '127.0.0.1' : '::1'
  const usable = onLink(facts, link, family).filter(
    ({ flags, scope }) => family === 4 || ((flags & unusable) === 0 && scope === universe),
  )
  // Which of several IPv6 takes depends on their order, which is not told.
  return family === 6 && usable.length > 1 ? undefined : usable[0]?.address
}

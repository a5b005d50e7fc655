/** Families of nf_tables tables (linux/netfilter.h, NFPROTO_*), by the names nft(8) uses. */

const numbers = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const

export type Family = keyof typeof numbers

const names = new Map<number, Family>(
  (Object.keys(numbers) as Family[]).map(family => [numbers[family], family]),
)

/** NFPROTO_* of a family; undefined asks for all of them (NFPROTO_UNSPEC). */
export const familyNumber = (family: Family | undefined): number =>
  family === undefined ? 0 : numbers[family]

/** The family of a number, or undefined for one that nft has no name for. */
export const familyName = (number: number): Family | undefined => names.get(number)

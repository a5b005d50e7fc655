/**
 * The address pool.
 *
 * Theory of operation. Whatever is in use is a set of disjoint, sorted intervals of IPv4 numbers. A cursor walks the
 * pools in order, a /30 at a time; at each step a binary search finds the first interval that ends at or after the
 * cursor: if it starts behind the block, the block is free, else the cursor jumps behind the interval. The cursor
 * never goes back within a pool, so taking n blocks among m intervals costs O((n + m) log m).
 *
 * A /30 has two host addresses: the lower is the gateway (host end), the upper the address inside.
 */

import { numberToIpv4 } from '../../linux/net/ip.ts'
import { NatspaceError } from '../errors.ts'
import { countsAsTaken, covers, type Interval, intervalOf, type Taken } from './taken.ts'

/**
 * Where blocks are looked for, in order: 10.200.0.0/16 to 10.254.0.0/16 (900,000 spaces), and then, for hosts where a
 * VPN routes all of 10.0.0.0/8, 172.30.0.0/16, the upper quarter of 192.168.0.0/16 (home routers use the lower) and
 * 172.31.0.0/16, last because it is the default network of a large cloud.
 */
export const DEFAULT_POOLS: readonly string[] = [
  ...Array.from({ length: 55 }, (_, i) => `10.${200 + i}.0.0/16`),
  '172.30.0.0/16',
  '192.168.192.0/18',
  '172.31.0.0/16',
]

/** Both ends of a cable and the subnet they share. */
export type Pair = { gateway: string; address: string; prefixLength: 30; network: string }

export type Pool = {
  /** The next free /30, which is taken from then on. Throws NatspaceError POOL_FULL (exit 1). */
  take(): Pair
  /** Marks a prefix as used. Harmless if it is already. */
  claim(prefix: string, why: string): void
  /**
   * What in use overlaps `prefix`, the most specific; undefined if nothing does. What lies in `own`, the network that
   * the asking space has already, does not count.
   */
  findOverlap(prefix: string, own?: string): Taken | undefined
}

/** One free /30 that overlaps nothing in `taken`. Throws NatspaceError POOL_FULL (exit 1). */
export function choosePair(facts: { taken: readonly Taken[]; pools?: readonly string[] }): Pair {
  return createPool(facts.taken, facts.pools).take()
}

/**
 * A pool for many spaces. `taken` holds the routes of every table, the addresses of links and the networks of other
 * spaces; IPv6 and default routes do not count. Throws RangeError if a prefix in `taken` or `pools` is malformed.
 */
export function createPool(taken: readonly Taken[], pools: readonly string[] = DEFAULT_POOLS): Pool {
  const blockers = taken.filter(countsAsTaken).map(entry => ({ ...entry, ...intervalOf(entry.prefix) }))
  const used = merge(blockers)
  let current = 0
  let cursor = 0

  const claim = (prefix: string, why: string): void => {
    const entry = { prefix, why, ...intervalOf(prefix) }
    blockers.push(entry)
    insert(used, entry)
  }

  return {
    claim,
    take() {
      // Pools are read when they are reached: most hosts never leave the first.
      for (let pool = pools[current]; pool !== undefined; pool = pools[++current]) {
        const { first, last } = intervalOf(pool)
        cursor = Math.max(cursor, first)
        while (cursor + 3 <= last) {
          const obstacle = used[firstEndingAtOrAfter(used, cursor)]
          if (obstacle === undefined || obstacle.first > cursor + 3) return takeBlock()
          cursor = (Math.floor(obstacle.last / 4) + 1) * 4
        }
        cursor = 0
      }
      throw poolFull(pools, blockers)
    },
    findOverlap(prefix, own) {
      const wanted = intervalOf(prefix)
      const hit = used[firstEndingAtOrAfter(used, wanted.first)]
      if (hit === undefined || hit.first > wanted.last) return undefined
      if (own === undefined) return mostSpecific(wanted, blockers)
      const mine = intervalOf(own)
      return mostSpecific(
        wanted,
        blockers.filter(entry => !covers(mine, entry)),
      )
    },
  }

  function takeBlock(): Pair {
    const first = cursor
    const network = `${numberToIpv4(first)}/30`
    claim(network, 'given to another space')
    cursor = first + 4
    return { gateway: numberToIpv4(first + 1), address: numberToIpv4(first + 2), prefixLength: 30, network }
  }
}

/** What in `taken` overlaps an explicit prefix, the most specific; undefined if nothing does. */
export function findOverlap(prefix: string, taken: readonly Taken[]): Taken | undefined {
  const blockers = taken.filter(countsAsTaken).map(entry => ({ ...entry, ...intervalOf(entry.prefix) }))
  return mostSpecific(intervalOf(prefix), blockers)
}

type Blocker = Taken & Interval

function mostSpecific(wanted: Interval, blockers: readonly Blocker[]): Taken | undefined {
  let best: Blocker | undefined
  for (const entry of blockers) {
    if (entry.first > wanted.last || entry.last < wanted.first) continue
    if (best === undefined || entry.last - entry.first < best.last - best.first) best = entry
  }
  return best && { prefix: best.prefix, why: best.why }
}

/** Sorted, disjoint intervals with the same union. */
function merge(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = []
  for (const { first, last } of intervals.toSorted((a, b) => a.first - b.first)) {
    const previous = merged.at(-1)
    if (previous === undefined || first > previous.last + 1) merged.push({ first, last })
    else previous.last = Math.max(previous.last, last)
  }
  return merged
}

/** Adds one interval to a sorted, disjoint list, in place. */
function insert(intervals: Interval[], added: Interval): void {
  const start = firstEndingAtOrAfter(intervals, added.first - 1)
  let end = start
  let { first, last } = added
  for (let next = intervals[end]; next !== undefined && next.first <= last + 1; next = intervals[++end]) {
    first = Math.min(first, next.first)
    last = Math.max(last, next.last)
  }
  intervals.splice(start, end - start, { first, last })
}

/** Index of the first interval whose end is not before `value`; the length of the list if there is none. */
function firstEndingAtOrAfter(intervals: readonly Interval[], value: number): number {
  let low = 0
  let high = intervals.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((intervals[middle]?.last ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Entries listed for each pool in the evidence. */
const LISTED = 3

function poolFull(pools: readonly string[], blockers: readonly Blocker[]): NatspaceError {
  const evidence = pools.map(pool => {
    const { first, last } = intervalOf(pool)
    const inside = blockers.filter(entry => entry.first <= last && entry.last >= first)
    inside.sort((a, b) => b.last - b.first - (a.last - a.first))
    const named = inside.slice(0, LISTED).map(entry => `${entry.prefix} (${entry.why})`)
    const rest = inside.length > LISTED ? ` and ${inside.length - LISTED} more` : ''
    return `${pool} is blocked by ${named.join(', ')}${rest}`
  })
  return new NatspaceError({
    code: 'POOL_FULL',
    exit: 1,
    what: 'Cannot choose an address for the space',
    why: 'every network of the pool is in use or routed elsewhere on this host',
    evidence,
    fix: [
      'give a free network with --gateway A/LEN',
      'remove spaces that are not needed any more: natspace ls, natspace down NAME',
    ],
  })
}

/** Two published ranges that ask for the same port of the host. */

import { portsOverlap } from '../../linux/net/port.ts'
import { boundAddress } from './publish.ts'
import type { Publish } from './types.ts'

export type PublishedBy = { space: string; publish: Publish }

/** `later` is the one that comes later in the list that was searched. */
export type PublishClash<T extends PublishedBy = PublishedBy> = { earlier: T; later: T }

/**
 * Whether both want the same port of the same host address: same protocol, overlapping host ports, and equal host
 * addresses or one of them absent, which means all, or 0.0.0.0 or ::, which mean all of their family.
 */
export function publishesClash(a: Publish, b: Publish): boolean {
  return a.protocol === b.protocol && portsOverlap(a.hostPort, b.hostPort) && sameHost(a, b)
}

const sameHost = (a: Publish, b: Publish): boolean => {
  if (a.hostAddress === undefined || b.hostAddress === undefined) return true
  if (familyOf(a.hostAddress) !== familyOf(b.hostAddress)) return false
  const [one, other] = [boundAddress(a), boundAddress(b)]
  return one === undefined || other === undefined || one === other
}

const familyOf = (address: string): string => (address.includes(':') ? '::' : '0.0.0.0')

type Entry<T> = { item: T; publish: Publish; order: number }

/**
 * What reaches furthest of those seen so far: of all, of those on every address, of all of one family (by its address that
 * means all), and of each address, those that mean all of a family among them.
 */
type Reach<T> = {
  any?: Entry<T>
  wild?: Entry<T>
  byFamily: Map<string, Entry<T>>
  byAddress: Map<string, Entry<T>>
}

/**
 * One clash among the published ranges of one or many spaces, or undefined. In order of their first host port, a range
 * clashes with an earlier one exactly if an earlier one of a matching address reaches it: O(n log n).
 */
export function findPublishClash<T extends PublishedBy>(
  publishes: readonly T[],
): PublishClash<T> | undefined {
  const entries = publishes.map((item, order): Entry<T> => ({ item, publish: item.publish, order }))
  entries.sort((a, b) => a.publish.hostPort.first - b.publish.hostPort.first || a.order - b.order)
  const reaches = new Map<string, Reach<T>>()
  for (const entry of entries) {
    const { protocol, hostAddress, hostPort } = entry.publish
    const reach: Reach<T> = reaches.get(protocol) ?? { byFamily: new Map(), byAddress: new Map() }
    reaches.set(protocol, reach)
    const rivals = rivalsOf(reach, hostAddress)
    const rival = rivals.find(other => other !== undefined && other.publish.hostPort.last >= hostPort.first)
    if (rival !== undefined) {
      return rival.order < entry.order
        ? { earlier: rival.item, later: entry.item }
        : { earlier: entry.item, later: rival.item }
    }
    reach.any = further(reach.any, entry)
    if (hostAddress === undefined) reach.wild = further(reach.wild, entry)
    else {
      const family = familyOf(hostAddress)
      reach.byFamily.set(family, further(reach.byFamily.get(family), entry))
      reach.byAddress.set(hostAddress, further(reach.byAddress.get(hostAddress), entry))
    }
  }
  return undefined
}

/** Of those on matching addresses, what reaches furthest. */
const rivalsOf = <T>(reach: Reach<T>, hostAddress: string | undefined): (Entry<T> | undefined)[] => {
  if (hostAddress === undefined) return [reach.any]
  const family = familyOf(hostAddress)
  return hostAddress === family
    ? [reach.wild, reach.byFamily.get(family)]
    : [reach.wild, reach.byAddress.get(family), reach.byAddress.get(hostAddress)]
}

const further = <T>(a: Entry<T> | undefined, b: Entry<T>): Entry<T> =>
  a !== undefined && a.publish.hostPort.last >= b.publish.hostPort.last ? a : b

/** A published port that a program of the host listens on already: publishing it would take its packets away. */

import { isMulticast, isUnspecified, unmappedIp } from '../../linux/net/ip.ts'
import type { Listener } from '../../linux/socket-diag/listener.ts'
import type { Publish } from './types.ts'

type Family = 4 | 6

/** Destinations of packets: one address of a family, or all of them. */
type Place = { family: Family; address: string | undefined }

/**
 * The first of the host's listeners whose packets a published port would take, or undefined: same transport, a port of the
 * range, and an address in common. What is published takes packets to every address that is the host's own, loopback
 * included, or to the one address it names; `families` are those that the space has. A socket on `::` also serves IPv4
 * unless it is told not to. Groups (multicast) and 255.255.255.255 are no addresses of one host and stay with the listener.
 */
export function findListenerConflict(
  publish: Publish,
  listeners: readonly Listener[],
  families: readonly Family[],
): Listener | undefined {
  const { protocol, hostPort } = publish
  const taken = placesOf(publish, families)
  return listeners.find(
    listener =>
      listener.protocol === protocol &&
      listener.port >= hostPort.first &&
      listener.port <= hostPort.last &&
      servedBy(listener).some(served => taken.some(place => overlap(served, place))),
  )
}

const overlap = (one: Place, other: Place): boolean =>
  one.family === other.family &&
  (one.address === undefined || other.address === undefined || one.address === other.address)

const placesOf = ({ hostAddress }: Publish, families: readonly Family[]): Place[] =>
  hostAddress === undefined
    ? families.map(family => ({ family, address: undefined }))
    : [placeOf(hostAddress)]

const servedBy = ({ address, v6Only }: Listener): Place[] => {
  const place = placeOf(address)
  if (place.address !== undefined && (isMulticast(place.address) || place.address === broadcast)) return []
  const servesIpv4 = place.family === 6 && place.address === undefined && v6Only !== true
  return servesIpv4 ? [place, { family: 4, address: undefined }] : [place]
}

const broadcast = '255.255.255.255'

const placeOf = (text: string): Place => {
  const address = unmappedIp(text)
  return { family: address.includes(':') ? 6 : 4, address: isUnspecified(address) ? undefined : address }
}

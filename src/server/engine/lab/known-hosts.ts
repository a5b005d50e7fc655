import { network } from '../../../lab/places.ts'
import type { KnownHost } from '../topology/facts.ts'

/** Name of this host in the lab. */
export const labHost = 'host1'

/** Who is on the LAN of the lab. */
export const labHosts: readonly KnownHost[] = [
  { name: 'router', address: network.router, prefixLength: network.prefixLength, interface: 'lan0' },
  { name: 'host2', address: network.host2, prefixLength: network.prefixLength, interface: network.uplink },
]

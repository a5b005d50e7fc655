/**
 * What a user asks for (`SpaceSpec`) and what natspace makes of it (`ResolvedSpace`). Plain data: both can be
 * printed as JSON, stored in the state folder and compared with deep equality.
 */

import type { PortRange } from '../../linux/net/port.ts'

export type { PortRange }

/** The transports that carry ports and that the kernel's NAT can translate. */
export type Transport = 'tcp' | 'udp' | 'sctp'

/** One published range: connections to the host's `hostPort` go to the same place in `port` inside the space. */
export type Publish = {
  protocol: Transport
  /** Canonical address of the host; absent means every address of the host. */
  hostAddress?: string
  hostPort: PortRange
  /** As long as `hostPort`. */
  port: PortRange
}

/** A validated request. Absent means: natspace chooses (see resolve.ts). */
export type SpaceSpec = {
  name: string
  /** IPv4 address inside the space. */
  address?: string
  /** Host end of the cable with its prefix length, `192.168.45.2/24`. */
  gateway?: string
  /** Name of the host end of the veth pair. */
  hostInterface?: string
  /** Name of the inner end of the veth pair. */
  interface?: string
  /** Masquerade only what leaves by this link; absent means by any link that is not ours. */
  uplink?: string
  publish: Publish[]
  /** Canonical addresses of resolvers, in order. */
  dns?: string[]
  /** Bytes. */
  mtu?: number
  /** No way outside. */
  internal: boolean
  /** Add the smallest reversible rule to a foreign firewall that would drop our traffic. */
  fixFirewall: boolean
}

/** A spec with everything filled in: from here on nothing is chosen any more. */
export type ResolvedSpace = {
  name: string
  /** `/run/netns/NAME`. */
  namespacePath: string
  hostInterface: string
  interface: string
  /** Address of the host end, without a length. */
  gateway: string
  /** Address of the inner end. */
  address: string
  /** Length of the subnet that both ends share. */
  prefixLength: number
  /** That subnet with its host bits cleared, `192.168.45.0/24`. */
  network: string
  uplink?: string
  publish: Publish[]
  dns?: string[]
  mtu?: number
  internal: boolean
  fixFirewall: boolean
}

/** A spec as it arrives from the options of the command or from a file: the right shapes, unchecked values. */
export type RawSpec = {
  address?: string | undefined
  gateway?: string | undefined
  hostInterface?: string | undefined
  interface?: string | undefined
  uplink?: string | undefined
  publish?: readonly (string | number)[] | undefined
  dns?: readonly string[] | undefined
  mtu?: string | number | undefined
  internal?: boolean | undefined
  fixFirewall?: boolean | undefined
}

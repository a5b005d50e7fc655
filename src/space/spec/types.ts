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

/** What a space may ask of this host itself: nothing, its resolver (and echo), or everything but its loopback. */
export type HostAccess = 'none' | 'dns' | 'all'

/** One destination that an egress list allows. */
export type Egress = {
  /** Canonical prefix with its host bits cleared, of either family; absent means any address. */
  network?: string
  /** Absent means any protocol. */
  protocol?: Transport | 'icmp'
  /** Absent means any port. */
  port?: PortRange
}

/** Most that leaves and reaches a space, in bits per second. */
export type Rate = { up?: number; down?: number }

/** Addresses of this host that a space appears with, by family. */
export type Source = { ipv4?: string; ipv6?: string }

/** Whom a space serves that a container runtime asked for (CNI): the namespace is the runtime's, and never ours. */
export type Attachment = { network: string; container: string; namespacePath: string }

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
  /** Leave with this address of the host instead of the one that the route has. */
  source?: Source
  /** IPv6 beside IPv4; `auto`: where the host has it beyond link-local addresses. */
  ipv6: 'auto' | 'on' | 'off'
  publish: Publish[]
  /** Canonical addresses of resolvers, in order. */
  dns?: string[]
  /** Bytes. */
  mtu?: number
  /** Beside `mtu`: it is that of the way out, nobody has asked for it, and it may change with that. */
  mtuFollows?: true
  rate?: Rate
  /** No way outside. */
  internal: boolean
  /** Names of spaces that this one may open connections to. */
  connect: string[]
  /** The only destinations outside; absent means all. */
  egress?: Egress[]
  host: HostAccess
  /** Whether the space may ask the cloud's metadata service. */
  metadata: boolean
  /** Add the smallest reversible rule to a foreign firewall that would drop our traffic. */
  fixFirewall: boolean
  attachment?: Attachment
  /** Destinations of IPv4 that lead outside; absent means all. */
  routes?: string[]
}

/** A spec with everything filled in: from here on nothing is chosen any more. */
export type ResolvedSpace = {
  name: string
  /** `/run/netns/NAME`, or that of the attachment. */
  namespacePath: string
  hostInterface: string
  interface: string
  /** Address of the host end, without a length. */
  gateway: string
  /** Address of the inner end. */
  address: string
  /** Length of the subnet that both ends share; 32 where each has a route to the other instead. */
  prefixLength: number
  /** That subnet with its host bits cleared, `192.168.45.0/24`. */
  network: string
  /** Absent where the space has IPv4 only. */
  ipv6?: Cable6
  uplink?: string
  source?: Source
  publish: Publish[]
  dns?: string[]
  /** Bytes, of both ends. */
  mtu: number
  /** Present where nobody has asked for this MTU: it is that of the way out, and follows it. */
  mtuFollows?: true
  rate?: Rate
  internal: boolean
  connect: Peer[]
  egress?: Egress[]
  host: HostAccess
  metadata: boolean
  fixFirewall: boolean
  attachment?: Attachment
  routes?: string[]
}

/** The IPv6 addresses of a cable, unique local ones (RFC 4193): host end, inner end, and the subnet they share. */
export type Cable6 = { gateway: string; address: string; prefixLength: number; network: string }

/** Another space as far as one that may reach it needs to know it. */
export type Peer = { name: string; hostInterface: string; address: string; address6?: string }

/** A spec as it arrives from the options of the command or from a file: the right shapes, unchecked values. */
export type RawSpec = {
  address?: string | undefined
  gateway?: string | undefined
  hostInterface?: string | undefined
  interface?: string | undefined
  uplink?: string | undefined
  source?: readonly string[] | string | undefined
  ipv6?: string | boolean | undefined
  publish?: readonly (string | number)[] | undefined
  dns?: readonly string[] | undefined
  mtu?: string | number | undefined
  rate?: { up?: string | number | undefined; down?: string | number | undefined } | undefined
  internal?: boolean | undefined
  connect?: readonly string[] | undefined
  egress?: { allow?: readonly string[] | undefined } | undefined
  host?: string | undefined
  metadata?: boolean | undefined
  fixFirewall?: boolean | undefined
}

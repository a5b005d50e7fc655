/**
 * What a user asks for (`SpaceSpec`) and what natspace makes of it (`ResolvedSpace`). Plain data: both can be
 * printed as JSON, stored in the state folder and compared with deep equality.
 */

import type { LinkSet } from '../../linux/change.ts'
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
export type Rate = {
  up?: number
  down?: number
  /** Bytes that may go at once; absent: as few as the rate needs. */
  upBurst?: number
  downBurst?: number
}

/** Addresses of this host that a space appears with, by family. */
export type Source = { ipv4?: string; ipv6?: string }

/** Whom a space serves that a container runtime asked for (CNI): the namespace is the runtime's, and never ours. */
export type Attachment = {
  network: string
  container: string
  namespacePath: string
  /** What the runtime calls it, for people alone. */
  pod?: { namespace?: string; name?: string }
  /** Names that the runtime has for it in this network, for people alone: natspace resolves no names. */
  aliases?: string[]
}

/**
 * An interface that is another's: somebody has connected the namespace already, and natspace adds to that what it is
 * asked for. No cable, address or route is made or taken away.
 */
export type Behind = {
  /** The link of this host by which packets for the inside leave; absent where this host does not reach it. */
  way?: string
  /** The other end of the interface, where it is on this host. */
  port?: string
  address: string
  prefixLength: number
  /** The address of this host that the inside has as its gateway, or its own address where it has none. */
  gateway: string
  ipv6?: Cable6
}

/** What of a link can be tuned, by the names that a change of it has. */
export type LinkTuning = Pick<LinkSet, 'mtu' | 'address' | 'promiscuous' | 'allMulticast' | 'queueLength'>

/** What is set on the interface inside and in its namespace, beyond what a space needs. */
export type Tuning = {
  /** Settings of the namespace by their keys, which begin with `net.`. */
  sysctls?: Record<string, string>
  promiscuous?: boolean
  allMulticast?: boolean
  /** Packets that may wait at the interface. */
  queueLength?: number
  /** Bytes; only where the cable is another's, as that of our own is the space's. */
  mtu?: number
  /** The link-layer address, in lower case. */
  mac?: string
}

/** A validated request. Absent means: natspace chooses (see resolve.ts). */
export type SpaceSpec = {
  name: string
  /** IPv4 address inside the space. */
  address?: string
  /** Host end of the cable with its prefix length, `192.168.45.2/24`. */
  gateway?: string
  /** IPv6 address inside the space; with it or the next one the space has IPv6 for certain. */
  address6?: string
  /** Host end of IPv6 with its prefix length, `fd00:45::2/64`. */
  gateway6?: string
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
  /** Where the gateway's length is 32: the network that the inner address belongs to. */
  subnet?: string
  /** IPv6 addresses that are asked for, beside `ipv6: 'on'`. */
  cable6?: Endpoint
  /** More addresses of the inner end, each with its way out. */
  further?: Endpoint[]
  /** What leads outside; absent means everything of each family. */
  routes?: SpaceRoute[]
  /** Networks outside that see the space's own address. */
  untranslated?: string[]
  /** Networks outside that may begin connections to the space's own address. */
  accept?: string[]
  /** The number that cables have in common between which connections may begin; see `ip link … group`. */
  group?: number
  behind?: Behind
  tuning?: Tuning
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
  /** Address of the inner end; '' (and so the gateway and the network) where the space has IPv6 alone. */
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
  subnet?: string
  further?: Endpoint[]
  routes?: SpaceRoute[]
  untranslated?: string[]
  accept?: string[]
  group?: number
  /** Present where the cable is another's; `hostInterface` is then the way to it, or '' where there is none. */
  behind?: Pick<Behind, 'port'>
  tuning?: Tuning
}

/**
 * The IPv6 addresses of a cable, unique local ones (RFC 4193) unless others are asked for: host end, inner end, and the
 * subnet they share; `subnet` as in `SpaceSpec`.
 */
export type Cable6 = {
  gateway: string
  address: string
  prefixLength: number
  network: string
  subnet?: string
}

/** An address of the inner end, that of the host end which is its gateway, and the network that the address is of. */
export type Endpoint = { address: string; gateway: string; subnet: string }

/** A route inside that leads outside. */
export type SpaceRoute = {
  destination: string
  /** An address of the host end; absent: that which is the gateway of the family. */
  gateway?: string
  /** By the cable, without a gateway. */
  isOnLink?: true
  /** Of routes to one destination the one with the lowest number is taken. */
  priority?: number
  table?: number
  /** Bytes. */
  mtu?: number
  advertisedMss?: number
}

/** Another space as far as one that may reach it needs to know it. */
export type Peer = { name: string; hostInterface: string; address: string; address6?: string }

/** A spec as it arrives from the options of the command or from a file: the right shapes, unchecked values. */
export type RawSpec = {
  address?: string | undefined
  gateway?: string | undefined
  address6?: string | undefined
  gateway6?: string | undefined
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

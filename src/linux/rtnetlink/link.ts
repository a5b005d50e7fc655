import { type Codec, EncodeError } from '../netlink/codec.ts'
import { attributes, struct, variant } from '../netlink/composite.ts'
import { type Request, request } from '../netlink/connection.ts'
import { type MessageOf, message, NLM_F } from '../netlink/message.ts'
import { bytes, cstring, i32, linkAddress, u8, u16, u32 } from '../netlink/scalars.ts'
import { littleEndian } from '../netlink/writer.ts'
import { noteSettings } from './interface-settings.ts'
import { RTM } from './types.ts'

/** RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK. struct ifinfomsg, linux/if_link.h. Equivalent to: `ip link …` */

const header = struct({ family: u8, pad: u8, type: u16, index: i32, flags: u32, change: u32 })

/** IFLA_* that both a link and the peer of a veth carry. */
const common = {
  address: [1, linkAddress, 'IFLA_ADDRESS'],
  broadcast: [2, linkAddress, 'IFLA_BROADCAST'],
  name: [3, cstring, 'IFLA_IFNAME'],
  mtu: [4, u32, 'IFLA_MTU'],
  txQueueLength: [13, u32, 'IFLA_TXQLEN'],
  namespacePid: [19, u32, 'IFLA_NET_NS_PID'],
  alias: [20, cstring, 'IFLA_IFALIAS'],
  namespaceFd: [28, u32, 'IFLA_NET_NS_FD'],
} as const

const peer = message('struct ifinfomsg', header, common)

/** IFLA_INFO_KIND chooses the form of IFLA_INFO_DATA; kinds without a case keep their bytes. */
const linkInfo = variant([1, 'IFLA_INFO_KIND'], [2, 'IFLA_INFO_DATA'], {
  veth: attributes({ peer: [1, peer, 'VETH_INFO_PEER'] }),
})

const table = {
  ...common,
  /** The peer's index for a veth, the lower device's for a stacked one. */
  link: [5, u32, 'IFLA_LINK'],
  master: [10, u32, 'IFLA_MASTER'],
  operState: [16, u8, 'IFLA_OPERSTATE'],
  linkInfo: [18, linkInfo, 'IFLA_LINKINFO'],
  statistics: [23, bytes, 'IFLA_STATS64'],
  group: [27, u32, 'IFLA_GROUP'],
  carrier: [33, u8, 'IFLA_CARRIER'],
  /** The id, in this namespace, of the namespace where `link` is. */
  linkNamespaceId: [37, i32, 'IFLA_LINK_NETNSID'],
} as const

/** The schema of a link message. */
export const linkMessage = message('struct ifinfomsg', header, table)
export type LinkMessage = MessageOf<typeof linkMessage>

/** IFLA_XDP_ATTACHED: 0 is XDP_ATTACHED_NONE. */
const xdp = attributes({ attached: [1, u8, 'IFLA_XDP_ATTACHED'] }, false)

/** struct rtnl_link_stats64 begins with these; undefined where the kernel gave less. */
const counters: Codec<LinkCounters | undefined> = {
  encode() {
    throw new EncodeError('counters are the kernel’s')
  },
  decode: (bytes, start, end) => readCounters(bytes.subarray(start, end)),
}

/** As linkMessage, for reading lists: of the more than fifty attributes of each link those that somebody here asks for. */
export const listedLinkMessage = message(
  'struct ifinfomsg',
  header,
  {
    address: [1, linkAddress, 'IFLA_ADDRESS'],
    name: [3, cstring, 'IFLA_IFNAME'],
    mtu: [4, u32, 'IFLA_MTU'],
    link: [5, u32, 'IFLA_LINK'],
    master: [10, u32, 'IFLA_MASTER'],
    txQueueLength: [13, u32, 'IFLA_TXQLEN'],
    linkInfo: [18, linkInfo, 'IFLA_LINKINFO'],
    alias: [20, cstring, 'IFLA_IFALIAS'],
    statistics: [23, counters, 'IFLA_STATS64'],
    specifics: [26, bytes, 'IFLA_AF_SPEC'],
    group: [27, u32, 'IFLA_GROUP'],
    linkNamespaceId: [37, i32, 'IFLA_LINK_NETNSID'],
    xdp: [43, xdp, 'IFLA_XDP'],
  } as const,
  false,
)

/** One network interface. */
export type Link = {
  index: number
  name: string
  /** 'veth', 'bridge', …; undefined for hardware and the loopback. */
  kind: string | undefined
  address: string
  mtu: number
  /** Administratively up (IFF_UP). */
  up: boolean
  /** The cable is plugged and the other end is up (IFF_LOWER_UP). */
  carrier: boolean
  loopback: boolean
  alias: string | undefined
  /** A number that links have in common; absent where it is 0, that of all others. */
  group?: number
  master: number | undefined
  /** Index of the peer of a veth, in its namespace. */
  peer: number | undefined
  /** Id of that namespace as seen from here; undefined when it is this one. */
  peerNamespaceId: number | undefined
  /** Bytes and packets, in and out (struct rtnl_link_stats64); undefined where the kernel gave none. */
  counters: LinkCounters | undefined
  /** A program of XDP sees its packets before anything else does. */
  xdp?: true
  /** Takes every frame, whomever it is for (IFF_PROMISC), as far as somebody asked for it by a setting. */
  promiscuous?: true
  /** Takes every frame to a group (IFF_ALLMULTI), likewise. */
  allMulticast?: true
  /** Packets that may wait to be sent. */
  queueLength?: number
}

export type LinkCounters = {
  receivedPackets: bigint
  sentPackets: bigint
  receivedBytes: bigint
  sentBytes: bigint
}

const IFF_UP = 0x1
const IFF_LOOPBACK = 0x8
const IFF_PROMISC = 0x100
const IFF_ALLMULTI = 0x200
const IFF_LOWER_UP = 0x10000

const emptyHeader = { family: 0, pad: 0, type: 0, index: 0, flags: 0, change: 0 }

const readCounters = (statistics: Uint8Array): LinkCounters | undefined => {
  if (statistics.length < 32) return undefined
  const view = new DataView(statistics.buffer, statistics.byteOffset)
  const at = (index: number) => view.getBigUint64(index * 8, littleEndian)
  return { receivedPackets: at(0), sentPackets: at(1), receivedBytes: at(2), sentBytes: at(3) }
}

/** A link from its message. */
export const toLink = ({ header, attributes }: LinkMessage | MessageOf<typeof listedLinkMessage>): Link => {
  const { linkInfo: info, statistics } = attributes
  // Hardware that is a port of a bridge has an IFLA_LINKINFO, but only of its being a port: no kind.
  const kind = info?.name === 'other' ? info.kernelName || undefined : info?.name
  const link: Link = {
    index: header.index,
    name: attributes.name ?? '',
    kind,
    address: attributes.address ?? '',
    mtu: attributes.mtu ?? 0,
    up: (header.flags & IFF_UP) !== 0,
    carrier: (header.flags & IFF_LOWER_UP) !== 0,
    loopback: (header.flags & IFF_LOOPBACK) !== 0,
    alias: attributes.alias,
    ...(attributes.group ? { group: attributes.group } : {}),
    master: attributes.master,
    // Of other kinds IFLA_LINK is the device they are stacked on.
    peer: kind === 'veth' ? attributes.link : undefined,
    peerNamespaceId: kind === 'veth' ? attributes.linkNamespaceId : undefined,
    counters: statistics instanceof Uint8Array ? readCounters(statistics) : statistics,
    ...(hasXdp(attributes) ? { xdp: true as const } : {}),
    ...(header.flags & IFF_PROMISC ? { promiscuous: true as const } : {}),
    ...(header.flags & IFF_ALLMULTI ? { allMulticast: true as const } : {}),
    ...(attributes.txQueueLength === undefined ? {} : { queueLength: attributes.txQueueLength }),
  }
  if ('specifics' in attributes && attributes.specifics !== undefined)
    noteSettings(link, attributes.specifics)
  return link
}

const IFLA_XDP = 43
/** Where the value of the first attribute in it lies, IFLA_XDP_ATTACHED. */
const attachedAt = 4

const hasXdp = (values: LinkMessage['attributes'] | ListedAttributes): boolean =>
  'xdp' in values
    ? (values.xdp?.attached ?? 0) !== 0
    : (values.unknown?.find(({ type }) => (type & 0x3fff) === IFLA_XDP)?.bytes[attachedAt] ?? 0) !== 0

type ListedAttributes = MessageOf<typeof listedLinkMessage>['attributes']

/** All links. Equivalent to: `ip -d -s link show` */
export const listLinks = (): Request =>
  request('RTM_GETLINK', RTM.getLink, 0, linkMessage, { header: emptyHeader, attributes: {} })

/** One link. Equivalent to: `ip -d -s link show dev NAME` */
export const getLink = (name: string): Request =>
  request('RTM_GETLINK', RTM.getLink, 0, linkMessage, { header: emptyHeader, attributes: { name } })

/** What a veth pair should be like. Indexes are chosen by the caller, so that nothing has to be looked up afterwards. */
export type VethPair = {
  name: string
  index: number
  address?: string | undefined
  mtu?: number | undefined
  peer: {
    name: string
    index: number
    address?: string | undefined
    mtu?: number | undefined
    /** Descriptor of the namespace the peer is born in; undefined: the same. */
    namespace: number | undefined
  }
}

/**
 * Creates both ends of a cable, down, the peer already in its namespace.
 * Equivalent to: `ip link add NAME type veth peer name PEER netns NAMESPACE`
 */
export const addVeth = (pair: VethPair): Request =>
  request('RTM_NEWLINK', RTM.newLink, NLM_F.create | NLM_F.exclusive, linkMessage, {
    header: { ...emptyHeader, index: pair.index },
    attributes: {
      name: pair.name,
      ...(pair.address === undefined ? {} : { address: pair.address }),
      ...(pair.mtu === undefined ? {} : { mtu: pair.mtu }),
      linkInfo: {
        name: 'veth',
        data: {
          peer: {
            header: { ...emptyHeader, index: pair.peer.index },
            attributes: {
              name: pair.peer.name,
              ...(pair.peer.address === undefined ? {} : { address: pair.peer.address }),
              ...(pair.peer.mtu === undefined ? {} : { mtu: pair.peer.mtu }),
              ...(pair.peer.namespace === undefined ? {} : { namespaceFd: pair.peer.namespace }),
            },
          },
        },
      },
    },
  })

/** Creates a link of a kind that needs no data. Equivalent to: `ip link add NAME type KIND` (dummy, bridge) */
export const addLink = (kind: string, name: string, index = 0): Request =>
  request('RTM_NEWLINK', RTM.newLink, NLM_F.create | NLM_F.exclusive, linkMessage, {
    header: { ...emptyHeader, index },
    attributes: { name, linkInfo: { name: 'other', kernelName: kind, raw: undefined } },
  })

export type LinkChange = {
  up?: boolean | undefined
  mtu?: number | undefined
  alias?: string | undefined
  group?: number | undefined
  /** Index of the bridge it becomes a port of; 0 takes it out. */
  master?: number | undefined
  address?: string | undefined
  promiscuous?: boolean | undefined
  allMulticast?: boolean | undefined
  queueLength?: number | undefined
}

const flagsOf = ({ up, promiscuous, allMulticast }: LinkChange): [number, boolean | undefined][] => [
  [IFF_UP, up],
  [IFF_PROMISC, promiscuous],
  [IFF_ALLMULTI, allMulticast],
]

/**
 * Changes a link. Equivalent to: `ip link set dev NAME [up|down] [mtu N] [alias TEXT] [group N] [master BRIDGE] [address MAC]
 * [promisc on|off] [allmulticast on|off] [txqueuelen N]`
 */
export const setLink = (index: number, change: LinkChange): Request =>
  request('RTM_NEWLINK', RTM.newLink, 0, linkMessage, {
    header: {
      ...emptyHeader,
      index,
      flags: flagsOf(change).reduce((flags, [bit, value]) => (value === true ? flags | bit : flags), 0),
      change: flagsOf(change).reduce((mask, [bit, value]) => (value === undefined ? mask : mask | bit), 0),
    },
    attributes: {
      ...(change.address === undefined ? {} : { address: change.address }),
      ...(change.mtu === undefined ? {} : { mtu: change.mtu }),
      ...(change.alias === undefined ? {} : { alias: change.alias }),
      ...(change.group === undefined ? {} : { group: change.group }),
      ...(change.master === undefined ? {} : { master: change.master }),
      ...(change.queueLength === undefined ? {} : { txQueueLength: change.queueLength }),
    },
  })

/** Removes a link (for a veth: both ends). Equivalent to: `ip link delete dev NAME` */
export const deleteLink = (index: number): Request =>
  request('RTM_DELLINK', RTM.deleteLink, 0, linkMessage, {
    header: { ...emptyHeader, index },
    attributes: {},
  })

/** Puts a link into a group, a number that links have in common. Equivalent to: `ip link set dev NAME group N` */
export const setLinkGroup = (index: number, group: number): Request =>
  request('RTM_NEWLINK', RTM.newLink, 0, linkMessage, {
    header: { ...emptyHeader, index },
    attributes: { group },
  })

/** Removes all links of a group. Equivalent to: `ip link delete group N` */
export const deleteLinkGroup = (group: number): Request =>
  request('RTM_DELLINK', RTM.deleteLink, 0, linkMessage, { header: emptyHeader, attributes: { group } })

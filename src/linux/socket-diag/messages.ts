import { type Codec, EncodeError } from '../netlink/codec.ts'
import { struct } from '../netlink/composite.ts'
import { type MessageOf, message } from '../netlink/message.ts'
import { be16, bytes, u8, u32 } from '../netlink/scalars.ts'

/** The protocol number of a netlink socket that lists sockets (linux/netlink.h). */
export const NETLINK_SOCK_DIAG = 4

/** The only type of its messages, of requests and of replies (linux/sock_diag.h). */
export const SOCK_DIAG_BY_FAMILY = 20

/** States of a socket as the kernel numbers them (net/tcp_states.h); of the other transports it uses these two. */
export const socketState = { close: 7, listen: 10 } as const

const addressSize = 16

/** __be32[4]: an IPv6 address, or an IPv4 address and twelve bytes without meaning. The family stands elsewhere. */
export const addressBytes: Codec<Uint8Array> & { readonly size: number } = {
  size: addressSize,
  encode(writer, value) {
    if (value.length !== addressSize) throw new EncodeError(`${value.length} bytes are not ${addressSize}`)
    writer.raw(value)
  },
  decode: bytes.decode,
}

/** struct inet_diag_sockid, linux/inet_diag.h. */
const socketId = {
  sourcePort: be16,
  destinationPort: be16,
  source: addressBytes,
  destination: addressBytes,
  /** Index of the link that the socket is bound to, or 0. */
  interface: u32,
  cookieLow: u32,
  cookieHigh: u32,
}

/** SOCK_DIAG_BY_FAMILY as a request. struct inet_diag_req_v2, linux/inet_diag.h. Equivalent to: `ss …` */
export const socketRequest = message(
  'struct inet_diag_req_v2',
  struct({
    family: u8,
    protocol: u8,
    /** Bits of the attributes that are wanted beside those that always come. */
    extensions: u8,
    pad: u8,
    /** One bit for each state that is wanted: 1 << number. */
    states: u32,
    ...socketId,
  }),
  {},
)

/** SOCK_DIAG_BY_FAMILY as a reply: one socket. struct inet_diag_msg, linux/inet_diag.h. */
export const socketMessage = message(
  'struct inet_diag_msg',
  struct({
    family: u8,
    state: u8,
    timer: u8,
    retransmissions: u8,
    ...socketId,
    expires: u32,
    /** Of a TCP listener: connections that wait to be accepted, and how many may. */
    receiveQueue: u32,
    sendQueue: u32,
    user: u32,
    inode: u32,
  }),
  {
    /** Of IPv6 alone: whether IPv4 is left out (IPV6_V6ONLY). */
    v6Only: [11, u8, 'INET_DIAG_SKV6ONLY'],
    /** Of SCTP alone: every address that the socket is bound to, each in a struct sockaddr_storage. */
    locals: [14, bytes, 'INET_DIAG_LOCALS'],
  } as const,
)
export type SocketMessage = MessageOf<typeof socketMessage>

import { formatIp } from '../net/ip.ts'
import { protocolNumber } from '../net/protocol.ts'
import { type Request, request } from '../netlink/connection.ts'
import { addressFamilyNumber, decodeSocketAddress } from '../sys/socket-address.ts'
import { SOCK_DIAG_BY_FAMILY, type SocketMessage, socketRequest, socketState } from './messages.ts'

/** The transports that have ports. */
export type ListenerProtocol = 'tcp' | 'udp' | 'sctp'

/** A socket that waits for whatever comes to a port: a listener of TCP or SCTP, or a UDP socket without a peer. */
export type Listener = {
  protocol: ListenerProtocol
  /** Of the socket, not of what it serves: one of family 6 may serve IPv4 too (`v6Only`), or even IPv4 alone (`address`). */
  family: 4 | 6
  /** Canonical; '0.0.0.0' and '::' stand for every address. Bound to ::ffff:192.0.2.1, a socket serves IPv4 alone. */
  address: string
  port: number
  /** Index of the only link that it takes packets from (SO_BINDTODEVICE). */
  interface?: number
  /** Of family 6 alone: IPv4 is left out, as always where `address` is one address of IPv6. */
  v6Only?: boolean
  /** Number of the user who made the socket. */
  user: number
  /** The number in `socket:[NUMBER]` among the descriptors of the process that holds it; 0 when none does. */
  inode: number
}

/** The state in which a socket of a transport waits for anybody. */
const waiting: Readonly<Record<ListenerProtocol, number>> = {
  tcp: socketState.listen,
  udp: socketState.close,
  sctp: socketState.listen,
}

/**
 * Lists the sockets of a transport and a family that wait for anybody.
 * Equivalent to: `ss -4 -tnH state listening`, `ss -4 -unH state unconnected`, `ss -4 -SnH state listening`
 */
export const listListeners = (protocol: ListenerProtocol, family: 4 | 6): Request =>
  request('SOCK_DIAG_BY_FAMILY', SOCK_DIAG_BY_FAMILY, 0, socketRequest, {
    header: {
      family: addressFamilyNumber(family),
      protocol: protocolNumber(protocol),
      extensions: 0,
      pad: 0,
      states: 1 << waiting[protocol],
      sourcePort: 0,
      destinationPort: 0,
      source: new Uint8Array(16),
      destination: new Uint8Array(16),
      interface: 0,
      cookieLow: 0,
      cookieHigh: 0,
    },
    attributes: {},
  })

/** A socket from its message: one listener, or of SCTP one for each address that it is bound to. */
export const toListeners = (
  protocol: ListenerProtocol,
  { header, attributes: { v6Only, locals } }: SocketMessage,
): Listener[] => {
  const family = header.family === addressFamilyNumber(4) ? 4 : 6
  const listener: Listener = {
    protocol,
    family,
    address: formatIp(family === 4 ? header.source.subarray(0, 4) : header.source),
    port: header.sourcePort,
    ...(header.interface === 0 ? {} : { interface: header.interface }),
    ...(v6Only === undefined ? {} : { v6Only: v6Only !== 0 }),
    user: header.user,
    inode: header.inode,
  }
  const addresses = locals === undefined ? [] : addressesIn(locals)
  if (addresses.length === 0) return [listener]
  return addresses.map(address => ({ ...listener, address }))
}

/** The size of a struct sockaddr_storage, linux/socket.h. */
const storageSize = 128

/** A socket of IPv6 may be bound to addresses of IPv4 among others, and these stand here in their own form. */
const addressesIn = (locals: Uint8Array): string[] => {
  const addresses: string[] = []
  for (let at = 0; at + storageSize <= locals.length; at += storageSize) {
    const endpoint = decodeSocketAddress(locals.subarray(at, at + storageSize))
    if (endpoint !== undefined) addresses.push(endpoint.address)
  }
  return addresses
}

/** By transport, port, family and address, so that one state gives one list. */
export const compareListeners = (one: Listener, other: Listener): number =>
  protocolNumber(one.protocol) - protocolNumber(other.protocol) ||
  one.port - other.port ||
  one.family - other.family ||
  (one.address < other.address ? -1 : one.address > other.address ? 1 : one.inode - other.inode)

/** `0.0.0.0:8080/tcp`, `[::]:8080/tcp`: a listener in short. */
export const formatListener = ({ protocol, address, port }: Listener): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port}/${protocol}`

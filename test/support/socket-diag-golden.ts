/** What the messages of a golden file of NETLINK_SOCK_DIAG mean by our schemas; used by the recorder and by the tests. */
import { protocolName, protocolNumber } from '../../src/linux/net/protocol.ts'
import { readAcknowledgement } from '../../src/linux/netlink/acknowledgement.ts'
import type { Codec } from '../../src/linux/netlink/codec.ts'
import { splitMessages } from '../../src/linux/netlink/connection.ts'
import { type ListenerProtocol, toListeners } from '../../src/linux/socket-diag/listener.ts'
import { SOCK_DIAG_BY_FAMILY, socketMessage, socketRequest } from '../../src/linux/socket-diag/messages.ts'
import { toJson } from './golden.ts'

/** Where a message comes from says what it is: requests and replies are of one type. */
export const schemaOf = (from: 'program' | 'kernel'): Codec<unknown> =>
  from === 'program' ? socketRequest : socketMessage

const protocolOf = (request: Uint8Array): ListenerProtocol => {
  const { header } = socketRequest.decode(request, 16, request.length)
  const name = protocolName(header.protocol)
  if (name === undefined || name === 'icmp' || name === 'icmpv6' || protocolNumber(name) !== header.protocol)
    throw new Error(`No listener has the protocol ${header.protocol}`)
  return name
}

/** A message's name and value, as a golden file holds them. `request` is the one that it answers. */
export function socketMeaning(
  bytes: Uint8Array,
  from: 'program' | 'kernel',
  request: Uint8Array,
): { type: string; value: unknown; read?: unknown } {
  const [received] = [...splitMessages(bytes)]
  if (received === undefined) throw new Error('The datagram holds no message')
  if (received.type === 2 || received.type === 3) {
    const sent = { name: '', sequence: 0, at: 0, end: request.length, schema: socketRequest }
    const error = readAcknowledgement(received, sent, 0, request)
    return { type: received.type === 2 ? 'NLMSG_ERROR' : 'NLMSG_DONE', value: { errno: error?.code ?? 0 } }
  }
  if (received.type !== SOCK_DIAG_BY_FAMILY)
    throw new Error(`No kind of message has the type ${received.type}`)
  const type = 'SOCK_DIAG_BY_FAMILY'
  const value = toJson(schemaOf(from).decode(bytes, received.from, received.to))
  if (from === 'program') return { type, value }
  const message = socketMessage.decode(bytes, received.from, received.to)
  return { type, value, read: toJson(toListeners(protocolOf(request), message)) }
}

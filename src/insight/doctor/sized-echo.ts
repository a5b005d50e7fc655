import { encodeEcho } from '../../linux/net/icmp.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { decodePacket, layerOf, quotedTupleOf } from '../../linux/packet/index.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { openNamespace } from '../../linux/sys/namespace.ts'
import { Socket } from '../../linux/sys/socket.ts'

/** An echo of IPv4 of a certain size (RFC 792), and what came of it: `refused` where somebody said that it is too large. */
export type SizedEcho = {
  /** Bytes of the whole packet, the IP header included. */
  size: number
  /** Whether it may be split on the way. */
  mayBeSplit: boolean
  /** Milliseconds that an answer is waited for. */
  patience: number
}

export type SizedAnswer = 'answered' | 'refused' | 'none'

const headers = { ip: 20, icmp: 8 } as const
const fragmentationNeeded = { icmpType: 3, icmpCode: 4 } as const

/** Sends one from a namespace, and waits. Throws NamespaceError, SystemError (EPERM without CAP_NET_RAW). */
export const sendSizedEcho = (
  path: string,
  address: string,
  { size, mayBeSplit, patience }: SizedEcho,
): SizedAnswer => {
  using namespace = openNamespace(path)
  using socket = Socket.open('icmp', { namespace: namespace.number })
  socket.setSplitting(mayBeSplit ? 'allowed' : 'forbidden')
  const identifier = 1 + Math.floor(Math.random() * 0xfffe)
  const payload = new Uint8Array(Math.max(0, size - headers.ip - headers.icmp))
  try {
    socket.send(encodeEcho({ type: 'request', identifier, sequence: 1, payload }), { address, port: 0 })
  } catch (error) {
    if (error instanceof SystemError && error.code === 'EMSGSIZE') return 'refused'
    throw error
  }
  const end = performance.now() + patience
  for (;;) {
    const received = socket.receive(Math.max(0, end - performance.now()))
    if (received === undefined) return 'none'
    const packet = decodePacket(received.bytes, { link: 'ip' })
    const message = layerOf(packet, 'icmp')
    if (message === undefined) continue
    const { icmpType, icmpCode, query } = message
    if (icmpType === 0 && query?.id === identifier) return 'answered'
    const quoted = quotedTupleOf(packet)
    if (
      icmpType === fragmentationNeeded.icmpType &&
      icmpCode === fragmentationNeeded.icmpCode &&
      quoted?.protocol === PROTOCOL_NUMBER.icmp &&
      quoted.icmp?.id === identifier
    )
      return 'refused'
  }
}

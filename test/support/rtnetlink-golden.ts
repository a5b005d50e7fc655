/** What the messages of a golden file of rtnetlink mean by our schemas; used by the recorder and by the tests. */
import { readAcknowledgement } from '../../src/linux/netlink/acknowledgement.ts'
import type { Codec } from '../../src/linux/netlink/codec.ts'
import { type SentMessage, splitMessages } from '../../src/linux/netlink/connection.ts'
import { addressMessage, toAddress } from '../../src/linux/rtnetlink/address.ts'
import { linkMessage, toLink } from '../../src/linux/rtnetlink/link.ts'
import { neighbourMessage, toNeighbour } from '../../src/linux/rtnetlink/neighbour.ts'
import {
  queueingDisciplineMessage,
  toQueueingDiscipline,
} from '../../src/linux/rtnetlink/queueing-discipline.ts'
import { routeMessage, toRoute } from '../../src/linux/rtnetlink/route.ts'
import { ruleMessage, toRule } from '../../src/linux/rtnetlink/rule.ts'
import { toJson } from './golden.ts'

type Kind = { name: string; schema: Codec<unknown>; read: (value: unknown) => unknown }

const kind = <V>(name: string, schema: Codec<V>, read: (value: V) => unknown): Kind => ({
  name,
  schema,
  read: value => read(value as V),
})

/** By the number of the NEW message of each kind; DEL, GET and SET follow it (linux/rtnetlink.h). */
const kinds = new Map<number, Kind>([
  [16, kind('LINK', linkMessage, toLink)],
  [20, kind('ADDR', addressMessage, toAddress)],
  [24, kind('ROUTE', routeMessage, toRoute)],
  [28, kind('NEIGH', neighbourMessage, toNeighbour)],
  [32, kind('RULE', ruleMessage, toRule)],
  [36, kind('QDISC', queueingDisciplineMessage, toQueueingDiscipline)],
])

/** The schema and the kernel's name of a message type. Throws on a type that is none of these kinds. */
export function kindOf(type: number): Kind & { message: string } {
  const found = kinds.get(type & ~3)
  if (found === undefined) throw new Error(`No kind of message has the type ${type}`)
  return { ...found, message: `RTM_${['NEW', 'DEL', 'GET', 'SET'][type & 3]}${found.name}` }
}

/** A message's name and value, as a golden file holds them. `request` is the one that a refusal is about. */
export function meaningOf(
  bytes: Uint8Array,
  request: Uint8Array | undefined,
): { type: string; value: unknown; read?: unknown } {
  const [received] = [...splitMessages(bytes)]
  if (received === undefined) throw new Error('The datagram holds no message')
  const { type, from, to } = received
  if (type === 2 || type === 3) {
    if (request === undefined) throw new Error('A refusal without a request')
    const error = readAcknowledgement(received, sentMessage(request), 0, request)
    const value = error && {
      errno: error.code,
      kernelMessage: error.kernelMessage,
      attributePath: error.attributePath,
    }
    return { type: type === 2 ? 'NLMSG_ERROR' : 'NLMSG_DONE', value: toJson(value ?? { errno: 0 }) }
  }
  const { schema, message, read } = kindOf(type)
  const value = schema.decode(bytes, from, to)
  const reply = message.startsWith('RTM_NEW') && received.portId !== 0
  return { type: message, value: toJson(value), ...(reply ? { read: toJson(read(value)) } : {}) }
}

/** A request of a golden file as `readAcknowledgement` wants it. */
export function sentMessage(request: Uint8Array): SentMessage {
  const [message] = [...splitMessages(request)]
  if (message === undefined) throw new Error('The request holds no message')
  const { schema, message: name } = kindOf(message.type)
  return { name, sequence: message.sequence, at: 0, end: request.length, schema }
}

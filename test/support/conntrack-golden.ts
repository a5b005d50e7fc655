/** What the messages of a golden file of ctnetlink mean by our schema; used by the recorder and by the tests. */
import { conntrackMessage, flowText, toFlow } from '../../src/linux/conntrack/index.ts'
import { messageTypes } from '../../src/linux/conntrack/message.ts'
import { readAcknowledgement } from '../../src/linux/netlink/acknowledgement.ts'
import { splitMessages } from '../../src/linux/netlink/connection.ts'
import { Writer } from '../../src/linux/netlink/writer.ts'
import { toJson } from './golden.ts'
import { wireDifferences } from './wire-diff.ts'

const names = new Map<number, string>(Object.entries(messageTypes).map(([name, type]) => [type, name]))

/** The kernel's name of a message type; undefined for one that is not of ctnetlink. */
export const conntrackName = (type: number): string | undefined => names.get(type)

/** A message's name and value, as a golden file holds them. `request` is the one that a refusal is about. */
export function conntrackMeaning(
  bytes: Uint8Array,
  from: 'program' | 'kernel',
  request: Uint8Array,
): { type: string; value: unknown; read?: unknown } {
  const [received] = [...splitMessages(bytes)]
  if (received === undefined) throw new Error('The datagram holds no message')
  if (received.type === 2 || received.type === 3) {
    const sent = { name: '', sequence: 0, at: 0, end: request.length, schema: conntrackMessage }
    const error = readAcknowledgement(received, sent, 0, request)
    return { type: received.type === 2 ? 'NLMSG_ERROR' : 'NLMSG_DONE', value: { errno: error?.code ?? 0 } }
  }
  const type = conntrackName(received.type)
  if (type === undefined) throw new Error(`No kind of message has the type ${received.type}`)
  const value = conntrackMessage.decode(bytes, received.from, received.to)
  if (from === 'program') return { type, value: toJson(value) }
  const flow = toFlow(value)
  return { type, value: toJson(value), read: { flow: toJson(flow), text: flowText(flow) } }
}

/** What our encoder makes of the value that a message of ctnetlink decodes to, against the message itself. */
export function conntrackDifferences(bytes: Uint8Array): string[] {
  const payload = bytes.subarray(16)
  const writer = new Writer()
  conntrackMessage.encode(writer, conntrackMessage.decode(payload, 0, payload.length))
  return wireDifferences(conntrackMessage, payload, writer.bytes.slice())
}

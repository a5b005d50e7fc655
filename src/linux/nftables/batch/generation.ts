import { type Connection, request } from '../../netlink/connection.ts'
import { ProtocolError } from '../../netlink/errors.ts'
import { generationMessage } from '../messages/generation.ts'
import { headerOf, messageTypes } from '../messages/header.ts'

/** Type of the message by which the kernel tells that the ruleset has changed: NFT_MSG_NEWGEN. */
export const newGenerationType = messageTypes.NFT_MSG_NEWGEN

/** The state of the ruleset of a namespace: it gets a new number with each batch. */
export type Generation = { id: number; processId: number; processName: string }

/** The present generation. NFT_MSG_GETGEN; the names are of the process that asks. Throws NetlinkError. */
export const readGeneration = (connection: Connection): Generation => {
  const [replies] = connection.execute([
    request('NFT_MSG_GETGEN', messageTypes.NFT_MSG_GETGEN, 0, generationMessage, {
      header: headerOf(undefined),
      attributes: {},
    }),
  ])
  const reply = replies?.[0]
  if (reply === undefined) throw new ProtocolError('NFT_MSG_GETGEN: no answer')
  return decodeGeneration(reply.payload)
}

/** Reads NFT_MSG_NEWGEN, an answer or an event. Throws DecodeError, ProtocolError when it has no number. */
export const decodeGeneration = (payload: Uint8Array): Generation => {
  const { attributes } = generationMessage.decode(payload, 0, payload.length)
  if (attributes.id === undefined) throw new ProtocolError('NFT_MSG_NEWGEN has no number')
  return {
    id: attributes.id,
    processId: attributes.processId ?? 0,
    processName: attributes.processName ?? '',
  }
}

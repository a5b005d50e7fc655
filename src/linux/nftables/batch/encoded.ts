import type { Connection, SentMessage } from '../../netlink/connection.ts'
import { messageHeaderSize, NLM_F, writeMessage } from '../../netlink/message.ts'
import { bytes as anyBytes } from '../../netlink/scalars.ts'
import { littleEndian, Writer } from '../../netlink/writer.ts'
import type { NftCommand } from './command.ts'
import { encodeCommand } from './encode-command.ts'

/**
 * Commands whose messages were made beforehand. A table that is always the same need not be compiled by every process
 * that makes it: its messages can be kept as bytes, and only their sequence numbers are filled in. The commands stay what
 * they are, plain data that can be printed and compared; the bytes are remembered beside them.
 */

const remembered = new WeakMap<NftCommand, Uint8Array>()

/** The messages of commands, one after another, as `rememberEncoded` takes them. Throws as `encodeCommand` does. */
export const encodeCommands = (commands: readonly NftCommand[]): Uint8Array => {
  const writer = new Writer()
  let setId = 0
  for (const command of commands)
    for (const { type, flags, schema, value } of encodeCommand(command, () => ++setId))
      writeMessage(writer, type, flags | NLM_F.request, 0, () => schema.encode(writer, value))
  return writer.bytes.slice()
}

/**
 * Says that the messages of these commands are known: one message a command, in order, made by `encodeCommands` on a
 * CPU of the same byte order. Throws RangeError when there are more or fewer.
 */
export const rememberEncoded = (commands: readonly NftCommand[], messages: Uint8Array): void => {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength)
  let at = 0
  for (const command of commands) {
    if (at >= messages.length) throw new RangeError('There are fewer messages than commands')
    const end = at + view.getUint32(at, littleEndian)
    remembered.set(command, messages.subarray(at, end))
    at = (end + 3) & ~3
  }
  if (at !== messages.length) throw new RangeError('There are more messages than commands')
}

/** Writes the remembered message of a command; undefined when there is none. */
export const writeRemembered = (
  connection: Connection,
  writer: Writer,
  command: NftCommand,
): SentMessage | undefined => {
  const message = remembered.get(command)
  if (message === undefined) return undefined
  const at = writer.length
  writer.raw(message)
  const sequence = connection.nextSequence()
  writer.patchU32(at + 8, sequence)
  const end = writer.length
  writer.align()
  return { name: command.type, sequence, at, end, schema: anyBytes }
}

/** The payload of a command's remembered message, for whoever wants to know what it says. */
export const rememberedPayload = (command: NftCommand): Uint8Array | undefined =>
  remembered.get(command)?.subarray(messageHeaderSize)

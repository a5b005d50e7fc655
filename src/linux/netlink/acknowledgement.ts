import { DecodeError } from './codec.ts'
import { attributes } from './composite.ts'
import type { Received, SentMessage } from './connection.ts'
import { NetlinkError, ProtocolError } from './errors.ts'
import { attributePath, messageHeaderSize, NLM_F } from './message.ts'
import { cstring, u32 } from './scalars.ts'
import { littleEndian } from './writer.ts'

/** Types of messages that every netlink protocol has (linux/netlink.h). */
export const NLMSG = { noop: 1, error: 2, done: 3 } as const

/** enum nlmsgerr_attrs of linux/netlink.h: the extended acknowledgement. */
const explanation = attributes({
  message: [1, cstring, 'NLMSGERR_ATTR_MSG'],
  /** From the start of the refused message to the attribute that is to blame. */
  offset: [2, u32, 'NLMSGERR_ATTR_OFFS'],
})

/** How many bytes of the request an error repeats behind the errno: all of it, or its header alone (NLM_F_CAPPED). */
const quotedLength = ({ type, flags, from, to }: Received, view: DataView): number => {
  if (type === NLMSG.done) return 0
  if (flags & NLM_F.capped || to - from < 8) return messageHeaderSize
  return (view.getUint32(from + 4, littleEndian) + 3) & ~3
}

/**
 * Reads NLMSG_ERROR and NLMSG_DONE: a negative errno (0 is success), then, where the flag says so, the kernel's
 * sentence and the offset of the attribute it means (struct nlmsgerr, NLMSGERR_ATTR_*).
 */
export const readAcknowledgement = (
  received: Received,
  sent: SentMessage,
  index: number,
  sentBytes: Uint8Array,
): NetlinkError | undefined => {
  const { bytes, from, to, type, flags } = received
  if (to - from < 4) {
    if (type === NLMSG.done) return undefined
    throw new ProtocolError('an error message is too short for its errno')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = -view.getInt32(from, littleEndian)
  if (number === 0) return undefined
  let kernelMessage: string | undefined
  let path: string[] = []
  if (flags & NLM_F.ackTlvs) {
    const start = Math.min(from + 4 + quotedLength(received, view), to)
    try {
      const { message, offset } = explanation.decode(bytes, start, to)
      kernelMessage = message
      if (offset !== undefined)
        path = attributePath(sent.schema, sentBytes, sent.at + messageHeaderSize, sent.end, sent.at + offset)
    } catch (error) {
      // The errno is the message; a garbled explanation must not hide it.
      if (!(error instanceof DecodeError)) throw error
    }
  }
  return new NetlinkError({
    operation: sent.name,
    request: index,
    errno: number,
    kernelMessage,
    attributePath: path,
  })
}

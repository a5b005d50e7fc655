/**
 * Netlink for TypeScript: a table declares a message once, and from it come its encoding, its decoding, its types, the
 * path from an error's offset to the attribute it means, and a debug print. A connection sends requests to the kernel
 * and returns replies; every refusal is a `NetlinkError` with the kernel's own words.
 *
 * ```ts
 * const header = struct({ family: u8, pad: u8, type: u16, index: i32, flags: u32, change: u32 })
 * const link = message('struct ifinfomsg', header, { name: [3, cstring, 'IFLA_IFNAME'] } as const)
 * const all = { family: 0, pad: 0, type: 0, index: 0, flags: 0, change: 0 }
 *
 * using connection = Connection.open(0) // NETLINK_ROUTE
 * for (const { header, attributes } of connection.dump(request('RTM_GETLINK', 18, 0, link, { header: all, attributes: {} }), link))
 *   console.log(header.index, attributes.name)
 * ```
 *
 * All calls are synchronous: the kernel answers while the request is sent. Attributes that a table does not know are
 * kept and written back; 64-bit integers are bigints; nothing returned is a view of a buffer that is used again.
 *
 * @module
 */
export { SystemError } from '../sys/errno.ts'
export { type Codec, DecodeError, EncodeError, type Infer, type Part } from './codec.ts'
export {
  type Attributes,
  type AttributesOf,
  type AttributeTable,
  attributes,
  list,
  type StructOf,
  struct,
  type UnknownAttribute,
  type VariantOf,
  variant,
} from './composite.ts'
export {
  Connection,
  type DatagramSocket,
  type Received,
  type Reply,
  type Request,
  request,
  type SentMessage,
  splitMessages,
} from './connection.ts'
export { DumpInterruptedError, EventsLostError, NetlinkError, ProtocolError } from './errors.ts'
export {
  attributePath,
  describeMessage,
  type Message,
  type MessageOf,
  message,
  messageHeaderSize,
  NLM_F,
  writeMessage,
} from './message.ts'
export { be16, be32, be64, bytes, cstring, flag, i32, ip, linkAddress, u8, u16, u32, u64 } from './scalars.ts'
export { NetlinkSocket } from './socket.ts'
export { Writer } from './writer.ts'

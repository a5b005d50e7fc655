import { type Codec, DecodeError, type Part } from './codec.ts'
import type { AttributesOf, AttributeTable } from './composite.ts'
import { attributes } from './composite.ts'
import type { Writer } from './writer.ts'

/** struct nlmsghdr of linux/netlink.h: length, type, flags, sequence, port id. */
export const messageHeaderSize = 16

/** Flags of a request (linux/netlink.h). */
export const NLM_F = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  echo: 0x8,
  dumpInterrupted: 0x10,
  /** On error replies: the request is not repeated, and extended attributes follow. */
  capped: 0x100,
  ackTlvs: 0x200,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
} as const

/** What a schema says of one message: a fixed header and attributes behind it. */
export type Message<H, A> = Codec<{ header: H; attributes: A }> & {
  readonly kernelName: string
  readonly header: Codec<H>
  readonly table: AttributeTable
}

/** The value of a message: `MessageOf<typeof link>`. */
export type MessageOf<M> = M extends Codec<infer V> ? V : never

/**
 * Declares a message: `kernelName` is the header's structure, for texts; `keepsUnknown` as for `attributes`. Throws
 * DecodeError on bytes that are too short or whose attributes do not fit.
 */
export const message = <H, const T extends AttributeTable>(
  kernelName: string,
  header: Codec<H> & { readonly size: number },
  table: T,
  keepsUnknown = true,
): Message<H, AttributesOf<T>> => {
  const rest = attributes(table, keepsUnknown)
  const aligned = (header.size + 3) & ~3
  return {
    kernelName,
    header,
    table,
    encode(writer, value) {
      header.encode(writer, value.header)
      writer.align()
      rest.encode(writer, value.attributes)
    },
    decode(bytes, start, end) {
      if (end - start < header.size)
        throw new DecodeError(`expected ${kernelName} of ${header.size} bytes, found ${end - start}`)
      return {
        header: header.decode(bytes, start, start + header.size),
        attributes: rest.decode(bytes, Math.min(start + aligned, end), end),
      }
    },
    parts: (bytes, start, end) => rest.parts?.(bytes, Math.min(start + aligned, end), end) ?? [],
  }
}

/**
 * The path of keys from a message's payload to the attribute at (or around) `offset`, e.g. `linkInfo.veth.peer`: what
 * the offset in an extended acknowledgement means. Empty when the offset is in the fixed header.
 */
export const attributePath = (
  codec: Codec<unknown>,
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
): string[] => {
  const path: string[] = []
  let parts: Iterable<Part> = codec.parts?.(bytes, start, end) ?? []
  for (;;) {
    const part = [...parts].find(
      candidate => offset >= candidate.at && offset < Math.max(candidate.to, candidate.at + 1),
    )
    if (part === undefined) return path
    path.push(part.key)
    if (offset === part.at) return path
    parts = part.codec.parts?.(bytes, part.from, part.to) ?? []
  }
}

/** A message as an indented list of its attributes by their kernel names, for debugging. */
export const describeMessage = (
  codec: Codec<unknown> & { kernelName: string },
  bytes: Uint8Array,
  start: number,
  end: number,
): string => {
  const lines = [codec.kernelName]
  const visit = (parts: Iterable<Part>, indent: string) => {
    for (const part of parts) {
      const inner = part.codec.parts?.(bytes, part.from, part.to)
      const hex = Buffer.from(bytes.subarray(part.from, part.to)).toString('hex')
      lines.push(`${indent}${part.kernelName}${inner ? '' : ` ${hex}`}`)
      if (inner) visit(inner, `${indent}  `)
    }
  }
  visit(codec.parts?.(bytes, start, end) ?? [], '  ')
  return lines.join('\n')
}

/** Appends a whole netlink message: header, then whatever `payload` writes. Returns its offset. */
export const writeMessage = (
  writer: Writer,
  type: number,
  flags: number,
  sequence: number,
  payload: (writer: Writer) => void,
): number => {
  const at = writer.reserve(messageHeaderSize)
  payload(writer)
  writer.patchU32(at, writer.length - at)
  writer.patchU16(at + 4, type)
  writer.patchU16(at + 6, flags)
  writer.patchU32(at + 8, sequence)
  writer.align()
  return at
}

import { decodeHeader, type HeaderBytes, type PacketHeader } from './packet-header.ts'

/** More packets are never under way at once. */
const mostPackets = 10_000

/**
 * Headers as they were last seen, by the packets' numbers: at one chain after another they are the same, and are read once.
 * What is handed out is shared, and must not be changed.
 */
export class HeaderMemory {
  readonly #known = new Map<number, { bytes: HeaderBytes; header: PacketHeader | undefined }>()

  /** The headers of a packet; undefined when there are none among the bytes. */
  decode(id: number, bytes: HeaderBytes): PacketHeader | undefined {
    if (bytes.network === undefined) return undefined
    const known = this.#known.get(id)
    if (known !== undefined && isSame(known.bytes, bytes)) return known.header
    const header = decodeHeader(bytes)
    if (this.#known.size >= mostPackets) this.#known.clear()
    this.#known.set(id, { bytes, header })
    return header
  }
}

const isSame = (one: HeaderBytes, other: HeaderBytes): boolean =>
  isEqual(one.network, other.network) &&
  isEqual(one.transport, other.transport) &&
  isEqual(one.link, other.link)

const isEqual = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean => {
  if (one === undefined || other === undefined || one.length !== other.length) return one === other
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false
  return true
}

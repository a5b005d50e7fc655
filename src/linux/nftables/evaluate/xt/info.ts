import { formatIp } from '../../../net/ip.ts'
import { littleEndian } from '../../../netlink/writer.ts'

/** Reads the C structure of an x_tables match or target. Numbers in the CPU's byte order unless it says otherwise. */
export class Info {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Whether the structure is at least so long: a shorter one is of a revision that we do not know. */
  has(length: number): boolean {
    return this.bytes.length >= length
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset)
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, littleEndian)
  }

  be16(offset: number): number {
    return this.#view.getUint16(offset, false)
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, littleEndian)
  }

  /** A part, in the packet's byte order. */
  part(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length)
  }

  /** An address: union nf_inet_addr holds IPv4 in its first four bytes. */
  address(offset: number, family: 4 | 6): string {
    return formatIp(this.part(offset, family === 4 ? 4 : 16))
  }
}

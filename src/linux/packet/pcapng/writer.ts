import {
  blockTypes,
  byteOrderMagic,
  linkTypes,
  options,
  type PcapngInterface,
  type PcapngPacket,
} from './block.ts'

const NANOSECONDS = 9
const longestOption = 0xffff
const encoder = new TextEncoder()

/**
 * Writes a pcapng file (draft-ietf-opsawg-pcapng) piece by piece, as libpcap, tcpdump and Wireshark read it: each block
 * goes to the sink as one chunk, so that a file is whole up to the last packet whenever the writer stops. Times are in
 * nanoseconds. Equivalent to: `tcpdump --nano -w FILE`, with several interfaces and a comment on each packet
 */
export class PcapngWriter {
  readonly #sink: (chunk: Uint8Array) => void
  #interfaces = 0

  /** Writes the section header at once. `application` is told to whoever opens the file. */
  constructor(sink: (chunk: Uint8Array) => void, { application }: { application?: string } = {}) {
    this.#sink = sink
    const body = new DataView(new ArrayBuffer(16))
    body.setUint32(0, byteOrderMagic, true)
    body.setUint16(4, 1, true)
    // The length of the section is not known in advance: -1.
    body.setBigInt64(8, -1n, true)
    const told = application === undefined ? [] : [textOption(options.application, application)]
    this.#block(blockTypes.section, [new Uint8Array(body.buffer), ...withEnd(told)])
  }

  /** Adds an interface; returns its number, from 0, for `packet`. */
  addInterface({ name, description, link, snapLength }: PcapngInterface): number {
    const body = new DataView(new ArrayBuffer(8))
    body.setUint16(0, linkTypes[link], true)
    body.setUint32(4, snapLength, true)
    const told = [textOption(options.interfaceName, name)]
    if (description !== undefined) told.push(textOption(options.interfaceDescription, description))
    told.push(option(options.timeResolution, Uint8Array.of(NANOSECONDS)))
    this.#block(blockTypes.interface, [new Uint8Array(body.buffer), ...withEnd(told)])
    return this.#interfaces++
  }

  /** Adds a packet. Throws a RangeError for an interface that was not added. A comment past 65,535 bytes is cut. */
  packet(packet: PcapngPacket): void {
    this.packets([packet])
  }

  /**
   * Adds packets, as one chunk: for many of them that takes much less time than one by one. Throws a RangeError as `packet`,
   * before any of them is added.
   */
  packets(packets: readonly PcapngPacket[]): void {
    if (packets.length === 0) return
    let size = 0
    for (const packet of packets) {
      this.#check(packet.interface)
      size += largestBlock(packet)
    }
    const chunk = Buffer.allocUnsafeSlow(size)
    const view = new DataView(chunk.buffer)
    let at = 0
    for (const packet of packets) at = putPacket(chunk, view, at, packet)
    this.#sink(chunk.subarray(0, at))
  }

  /**
   * Adds what was counted at an interface until `time`: packets that passed the filter, and those of them that were dropped
   * since nobody read them in time. Throws a RangeError as `packet`. Equivalent to what capinfos(1) shows of a file.
   */
  statistics(index: number, time: bigint, { seen, dropped }: { seen: number; dropped: number }): void {
    this.#check(index)
    const body = new DataView(new ArrayBuffer(12))
    body.setUint32(0, index, true)
    body.setUint32(4, Number((time >> 32n) & 0xffff_ffffn), true)
    body.setUint32(8, Number(time & 0xffff_ffffn), true)
    const told = [counter(options.packetsReceived, seen), counter(options.packetsDropped, dropped)]
    this.#block(blockTypes.interfaceStatistics, [new Uint8Array(body.buffer), ...withEnd(told)])
  }

  #check(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.#interfaces)
      throw new RangeError(`The file has no interface ${index}: it has ${this.#interfaces}`)
  }

  /** Type, length, body, and the length again, for readers that go backwards. */
  #block(type: number, parts: readonly Uint8Array[]): void {
    const length = 12 + parts.reduce((sum, part) => sum + part.length, 0)
    const block = new Uint8Array(length)
    const view = new DataView(block.buffer)
    view.setUint32(0, type, true)
    view.setUint32(4, length, true)
    let at = 8
    for (const part of parts) {
      block.set(part, at)
      at += part.length
    }
    view.setUint32(at, length, true)
    this.#sink(block)
  }
}

/** Bytes of an Enhanced Packet Block at most: no character takes more than three bytes of UTF-8 for each of its units. */
const largestBlock = ({ bytes, comment = '' }: PcapngPacket): number =>
  64 + bytes.length + Math.min(3 * comment.length, longestOption)

/** Writes an Enhanced Packet Block from `at` on; returns where it ends. What it does not fill with zeros held anything. */
const putPacket = (
  chunk: Buffer,
  view: DataView,
  start: number,
  { interface: index, time, bytes, length, direction, comment }: PcapngPacket,
): number => {
  view.setUint32(start, blockTypes.enhancedPacket, true)
  view.setUint32(start + 8, index, true)
  view.setBigUint64(start + 12, time, true)
  // The upper half comes first.
  const low = view.getUint32(start + 12, true)
  view.setUint32(start + 12, view.getUint32(start + 16, true), true)
  view.setUint32(start + 16, low, true)
  view.setUint32(start + 20, bytes.length, true)
  view.setUint32(start + 24, Math.max(length, bytes.length), true)
  chunk.set(bytes, start + 28)
  let at = padded(chunk, start + 28 + bytes.length, start)
  if (comment !== undefined) {
    const written = chunk.write(comment, at + 4, Math.min(longestOption, chunk.length - at - 4))
    view.setUint16(at, options.comment, true)
    view.setUint16(at + 2, written, true)
    at = padded(chunk, at + 4 + written, start)
  }
  if (direction !== undefined) {
    view.setUint16(at, options.packetFlags, true)
    view.setUint16(at + 2, 4, true)
    view.setUint32(at + 4, direction === 'in' ? 1 : 2, true)
    at += 8
  }
  if (comment !== undefined || direction !== undefined) {
    view.setUint32(at, 0, true)
    at += 4
  }
  const size = at + 4 - start
  view.setUint32(start + 4, size, true)
  view.setUint32(at, size, true)
  return at + 4
}

/** Fills up with zeros to the next multiple of four from `start` on; returns where that is. */
const padded = (chunk: Uint8Array, at: number, start: number): number => {
  let end = at
  while ((end - start) % 4 !== 0) chunk[end++] = 0
  return end
}

const option = (code: number, value: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(4 + ((value.length + 3) & ~3))
  const view = new DataView(bytes.buffer)
  view.setUint16(0, code, true)
  view.setUint16(2, value.length, true)
  bytes.set(value, 4)
  return bytes
}

/** A number of 64 bits. */
const counter = (code: number, value: number): Uint8Array => {
  const bytes = new DataView(new ArrayBuffer(8))
  bytes.setBigUint64(0, BigInt(value), true)
  return option(code, new Uint8Array(bytes.buffer))
}

/** UTF-8 without a NUL at the end; a text that is too long is cut between two characters. */
const textOption = (code: number, text: string): Uint8Array => {
  // No character of a text takes more than three bytes of UTF-8 for each of its 16-bit units.
  const room = new Uint8Array(Math.min(3 * text.length, longestOption))
  const { written } = encoder.encodeInto(text, room)
  return option(code, room.subarray(0, written))
}

/** Options end with one of length 0; where there are none there is no end either. */
const withEnd = (told: readonly Uint8Array[]): readonly Uint8Array[] =>
  told.length === 0 ? [] : [...told, new Uint8Array(4)]

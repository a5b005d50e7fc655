import {
  blockTypes,
  byteOrderMagic,
  linkTypes,
  options,
  type PcapngInterface,
  type PcapngPacket,
} from './block.ts'

/** Bytes that are no pcapng file, or a file that was cut: `offset` is where the block begins that cannot be read. */
export class PcapngError extends Error {
  override readonly name = 'PcapngError'
  readonly offset: number
  readonly reason: string

  constructor(offset: number, reason: string) {
    super(`Cannot read the capture file at byte ${offset}: ${reason}`)
    this.offset = offset
    this.reason = reason
  }
}

/** What a file holds, in its order. Names and comments are as the file has them: escape them before they are shown. */
export type PcapngRecord =
  | ({ type: 'interface'; index: number } & PcapngInterface)
  | ({ type: 'packet' } & PcapngPacket)

type Section = {
  littleEndian: boolean
  interfaces: { record: PcapngInterface; toNanoseconds: (units: bigint) => bigint }[]
  /** Interfaces of the sections before, as the records count on. */
  before: number
}

const smallestBlock = 12
const decoder = new TextDecoder()

/**
 * Reads a pcapng file. Blocks of other kinds are passed over; either byte order, any resolution of time and several
 * sections are understood. Every length is checked against what is there: for a file that is damaged or cut, the
 * records up to there come first, and then a PcapngError is thrown.
 */
export function* pcapngRecords(bytes: Uint8Array): Generator<PcapngRecord, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let section: Section | undefined
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < smallestBlock) throw new PcapngError(at, 'the file ends within a block')
    // The type of a section header reads the same in either byte order.
    if (view.getUint32(at) === blockTypes.section) section = sectionAt(view, at, section)
    if (section === undefined) throw new PcapngError(at, 'a section header is missing: not a pcapng file')
    const block = blockAt(view, at, section)
    if (block.type === blockTypes.interface) yield readInterface(block, section)
    else if (block.type === blockTypes.enhancedPacket) yield readPacket(block, section)
    at += block.length
  }
}

const sectionAt = (view: DataView, at: number, last: Section | undefined): Section => {
  const littleEndian = view.getUint32(at + 8, true) === byteOrderMagic
  if (!littleEndian && view.getUint32(at + 8) !== byteOrderMagic)
    throw new PcapngError(at, 'the byte-order magic is wrong')
  if (view.byteLength - at < 28) throw new PcapngError(at, 'the file ends within a block')
  const major = view.getUint16(at + 12, littleEndian)
  if (major !== 1) throw new PcapngError(at, `version ${major} of the format is not known`)
  return { littleEndian, interfaces: [], before: (last?.before ?? 0) + (last?.interfaces.length ?? 0) }
}

/** A block whose length has been checked: `body` to `end` is what is between its lengths. */
type Block = { view: DataView; at: number; type: number; length: number; body: number; end: number }

const blockAt = (view: DataView, at: number, { littleEndian }: Section): Block => {
  const length = view.getUint32(at + 4, littleEndian)
  if (length < smallestBlock || length % 4 !== 0) throw new PcapngError(at, `a block of ${length} bytes`)
  if (length > view.byteLength - at) throw new PcapngError(at, 'the file ends within a block')
  if (view.getUint32(at + length - 4, littleEndian) !== length)
    throw new PcapngError(at, 'the two lengths of a block differ')
  return {
    view,
    at,
    type: view.getUint32(at, littleEndian),
    length,
    body: at + 8,
    end: at + length - 4,
  }
}

const need = ({ at, body, end }: Block, size: number): void => {
  if (end - body < size) throw new PcapngError(at, 'a block is too short for its kind')
}

const bytesOf = ({ view }: Block, at: number, size: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, size)

type Option = { code: number; value: Uint8Array }

const optionsOf = (block: Block, start: number, { littleEndian }: Section): Option[] => {
  const found: Option[] = []
  for (let at = start; at < block.end; ) {
    if (block.end - at < 4) throw new PcapngError(block.at, 'a block ends within an option')
    const code = block.view.getUint16(at, littleEndian)
    const length = block.view.getUint16(at + 2, littleEndian)
    if (code === options.end) break
    if (length > block.end - at - 4) throw new PcapngError(block.at, 'a block ends within an option')
    found.push({ code, value: bytesOf(block, at + 4, length) })
    at += 4 + ((length + 3) & ~3)
  }
  return found
}

const textOf = (found: readonly Option[], code: number): string | undefined => {
  const value = found.find(option => option.code === code)?.value
  return value === undefined ? undefined : decoder.decode(value)
}

const readInterface = (block: Block, section: Section): PcapngRecord => {
  need(block, 8)
  const { littleEndian } = section
  const number = block.view.getUint16(block.body, littleEndian)
  const link = number === linkTypes.ethernet ? 'ethernet' : number === linkTypes.ip ? 'ip' : undefined
  if (link === undefined) throw new PcapngError(block.at, `packets of link type ${number} are not understood`)
  const found = optionsOf(block, block.body + 8, section)
  const description = textOf(found, options.interfaceDescription)
  const record: PcapngInterface = {
    name: textOf(found, options.interfaceName) ?? '',
    ...(description === undefined ? {} : { description }),
    link,
    snapLength: block.view.getUint32(block.body + 4, littleEndian),
  }
  section.interfaces.push({ record, toNanoseconds: clockOf(found, block, littleEndian) })
  return { type: 'interface', index: section.before + section.interfaces.length - 1, ...record }
}

/** if_tsresol: a power of ten, or of two where the highest bit is set; microseconds where it is missing. */
const clockOf = (
  found: readonly Option[],
  block: Block,
  littleEndian: boolean,
): ((units: bigint) => bigint) => {
  const resolution = found.find(({ code }) => code === options.timeResolution)?.value ?? Uint8Array.of(6)
  const shift = found.find(({ code }) => code === options.timeOffset)?.value ?? new Uint8Array(8)
  if (resolution.length !== 1 || shift.length !== 8)
    throw new PcapngError(block.at, 'a clock of a strange form')
  const power = BigInt((resolution[0] ?? 0) & 0x7f)
  const perSecond = (resolution[0] ?? 0) & 0x80 ? 2n ** power : 10n ** power
  const seconds = new DataView(shift.buffer, shift.byteOffset, 8).getBigInt64(0, littleEndian)
  return units => (units * 1_000_000_000n) / perSecond + seconds * 1_000_000_000n
}

const readPacket = (block: Block, section: Section): PcapngRecord => {
  need(block, 20)
  const { littleEndian } = section
  const field = (at: number): number => block.view.getUint32(block.body + at, littleEndian)
  const captured = field(12)
  if (captured > block.end - block.body - 20)
    throw new PcapngError(block.at, 'a packet is longer than its block')
  const [own, found] = [
    section.interfaces[field(0)],
    optionsOf(block, block.body + 20 + ((captured + 3) & ~3), section),
  ]
  if (own === undefined)
    throw new PcapngError(block.at, `a packet of interface ${field(0)}, which is not there`)
  const comment = textOf(found, options.comment)
  const direction = directionOf(found, littleEndian)
  return {
    type: 'packet',
    interface: section.before + field(0),
    time: own.toNanoseconds((BigInt(field(4)) << 32n) | BigInt(field(8))),
    bytes: bytesOf(block, block.body + 20, captured).slice(),
    length: field(16),
    ...(direction === undefined ? {} : { direction }),
    ...(comment === undefined ? {} : { comment }),
  }
}

const directionOf = (found: readonly Option[], littleEndian: boolean): 'in' | 'out' | undefined => {
  const value = found.find(({ code }) => code === options.packetFlags)?.value
  if (value?.length !== 4) return undefined
  const bits = new DataView(value.buffer, value.byteOffset, 4).getUint32(0, littleEndian) & 3
  return bits === 1 ? 'in' : bits === 2 ? 'out' : undefined
}

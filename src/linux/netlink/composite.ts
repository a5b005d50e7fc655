import { type Codec, DecodeError, EncodeError, type Infer, type Part } from './codec.ts'
import { cstring, bytes as rawBytes } from './scalars.ts'
import { littleEndian, type Writer } from './writer.ts'

/**
 * Theory of operation. A table declares a set of attributes once: its key in our values, the kernel's number, the codec
 * and the kernel's name. Encoding, decoding, the way from an offset to an attribute's name, the debug print and the
 * TypeScript type all come from that table. Attributes a table does not know, and repetitions of those it knows, are kept
 * as raw bytes under `unknown` with their place, so that what was read can be written back byte for byte. On the wire an attribute is struct nlattr: length (header included), type
 * with two flag bits, payload, padding to four bytes; the last padding may be missing.
 */

const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff
const headerSize = 4

/** `key: [number, codec, kernel name]`. */
export type AttributeTable = { readonly [key: string]: readonly [number, Codec<unknown>, string] }

/**
 * An attribute the table does not know, as it was on the wire (flag bits included in `type`). `at` is its place among
 * its siblings, counted from 0; without it the attribute is written last.
 */
export type UnknownAttribute = { type: number; bytes: Uint8Array; at?: number }

/** The values of a table: all attributes are optional on the wire. */
export type AttributesOf<T extends AttributeTable> = {
  -readonly [K in keyof T]?: T[K][1] extends Codec<infer V> ? V : never
} & { unknown?: UnknownAttribute[] }

export type Attributes<T extends AttributeTable> = Codec<AttributesOf<T>> & { table: T; nested: true }

type RawAttribute = { type: number; at: number; from: number; to: number }

const u16At = (bytes: Uint8Array, offset: number): number => {
  const low = bytes[offset] as number
  const high = bytes[offset + 1] as number
  return littleEndian ? low | (high << 8) : (low << 8) | high
}

/** The attributes in bytes[start, end), undecoded. Throws DecodeError when a length does not fit. */
export const rawAttributes = (bytes: Uint8Array, start: number, end: number): RawAttribute[] => {
  const found: RawAttribute[] = []
  let at = start
  while (end - at >= headerSize) {
    const length = lengthAt(bytes, at, end)
    found.push({ type: u16At(bytes, at + 2), at, from: at + headerSize, to: at + length })
    at += (length + 3) & ~3
  }
  if (at < end) throw leftOver(end - at)
  return found
}

/** The length of the attribute at `at`, its header included. Throws DecodeError where it does not fit. */
const lengthAt = (bytes: Uint8Array, at: number, end: number): number => {
  const length = u16At(bytes, at)
  if (length >= headerSize && at + length <= end) return length
  throw new DecodeError(`attribute length ${length} does not fit in the ${end - at} bytes that are left`)
}

/**
 * Where the next attribute is that somebody knows, or one that does not fit, or the end: of the fifty attributes of each of
 * thousands of links most are passed over, here without a call for each.
 */
const nextKnown = (
  byType: readonly (KnownAttribute | undefined)[],
  bytes: Uint8Array,
  start: number,
  end: number,
): number => {
  const [low, high] = littleEndian ? [0, 1] : [1, 0]
  let at = start
  while (end - at >= headerSize) {
    const length = (bytes[at + low] as number) | ((bytes[at + high] as number) << 8)
    const type = (bytes[at + 2 + low] as number) | ((bytes[at + 2 + high] as number) << 8)
    if (length < headerSize || at + length > end || byType[type & NLA_TYPE_MASK] !== undefined) break
    at += (length + 3) & ~3
  }
  return at
}

const leftOver = (count: number): DecodeError => new DecodeError(`${count} bytes after the last attribute`)

type KnownAttribute = { key: string; codec: Codec<unknown>; kernelName: string }

/** Appends one attribute with a value. Throws EncodeError past the 64 KiB an attribute can hold. */
const writeValue = <T>(writer: Writer, type: number, kernelName: string, codec: Codec<T>, value: T): void =>
  writeAttribute(writer, type, kernelName, payload => codec.encode(payload, value))

/** Appends one attribute around whatever `payload` writes. Throws EncodeError past the 64 KiB an attribute can hold. */
export const writeAttribute = (
  writer: Writer,
  type: number,
  kernelName: string,
  payload: (writer: Writer) => void,
): void => {
  const at = writer.reserve(headerSize)
  try {
    payload(writer)
  } catch (error) {
    throw error instanceof EncodeError ? error.within(kernelName) : error
  }
  const length = writer.length - at
  if (length > 0xffff)
    throw new EncodeError(`${length} bytes are more than an attribute can hold`, [kernelName])
  writer.patchU16(at, length)
  writer.patchU16(at + 2, type)
  writer.align()
}

const decodeWithin = <T>(
  codec: Codec<T>,
  kernelName: string,
  bytes: Uint8Array,
  from: number,
  to: number,
): T => {
  try {
    return codec.decode(bytes, from, to)
  } catch (error) {
    throw error instanceof DecodeError ? error.within(kernelName) : error
  }
}

/**
 * A list of attributes declared by a table; also the codec of a nested attribute. Written in the order of the value's
 * keys, as read. `keepsUnknown`: false where a value is only ever read, and what the table does not know is passed over.
 */
export const attributes = <const T extends AttributeTable>(table: T, keepsUnknown = true): Attributes<T> => {
  // Most tables of a program's start are never read with: their index waits until one is.
  let index: (KnownAttribute | undefined)[] | undefined
  const byType = (): (KnownAttribute | undefined)[] => {
    if (index === undefined) {
      index = []
      for (const [key, [number, codec, kernelName]] of Object.entries(table))
        index[number] = { key, codec, kernelName }
    }
    return index
  }
  const known = (type: number): KnownAttribute | undefined => byType()[type & NLA_TYPE_MASK]
  return {
    table,
    nested: true,
    encode(writer, value) {
      const items = value as Record<string, unknown>
      const unknown = value.unknown === undefined ? undefined : new UnknownWriter(writer, value.unknown)
      for (const key of Object.keys(items)) {
        const item = items[key]
        if (item === undefined || key === 'unknown') continue
        const entry = Object.hasOwn(table, key) ? table[key] : undefined
        if (entry === undefined) throw new EncodeError(`no attribute is called ${JSON.stringify(key)}`)
        const [number, codec, kernelName] = entry
        unknown?.beforeNext()
        writeValue(writer, codec.nested ? number | NLA_F_NESTED : number, kernelName, codec, item)
      }
      unknown?.rest()
    },
    decode(bytes, start, end) {
      // Lists have thousands of these: nothing is made here that the value does not keep.
      const value: Record<string, unknown> = {}
      let unknown: UnknownAttribute[] | undefined
      let place = 0
      let at = keepsUnknown ? start : nextKnown(byType(), bytes, start, end)
      for (; end - at >= headerSize; place++) {
        const to = at + lengthAt(bytes, at, end)
        const type = u16At(bytes, at + 2)
        const entry = known(type)
        if (entry !== undefined && !Object.hasOwn(value, entry.key))
          value[entry.key] = decodeWithin(entry.codec, entry.kernelName, bytes, at + headerSize, to)
        else if (keepsUnknown) {
          unknown ??= []
          unknown.push({ type, bytes: rawBytes.decode(bytes, at + headerSize, to), at: place })
        }
        at += (to - at + 3) & ~3
        if (!keepsUnknown) at = nextKnown(byType(), bytes, at, end)
      }
      if (at < end) throw leftOver(end - at)
      if (unknown) value.unknown = unknown
      return value as AttributesOf<T>
    },
    *parts(bytes, start, end): Iterable<Part> {
      for (const { type, at, from, to } of rawAttributes(bytes, start, end)) {
        const entry = known(type)
        if (entry) yield { ...entry, at, from, to }
        else yield unknownPart(type, at, from, to)
      }
    },
  }
}

/** Writes the unknown attributes of a value between its known ones, each at its place. */
class UnknownWriter {
  readonly #writer: Writer
  readonly #unknown: readonly UnknownAttribute[]
  #next = 0
  #place = 0

  constructor(writer: Writer, unknown: readonly UnknownAttribute[] = []) {
    this.#writer = writer
    this.#unknown = unknown
  }

  /** To be called before each known attribute is written: writes the unknown ones whose place it is first. */
  beforeNext(): void {
    while (this.#unknown[this.#next]?.at === this.#place) this.#write()
    this.#place++
  }

  /** Writes all that are left. */
  rest(): void {
    while (this.#next < this.#unknown.length) this.#write()
  }

  #write(): void {
    const { type, bytes } = this.#unknown[this.#next++] as UnknownAttribute
    writeAttribute(this.#writer, type, `attribute ${type & NLA_TYPE_MASK}`, writer => writer.raw(bytes))
    this.#place++
  }
}

const unknownPart = (type: number, at: number, from: number, to: number): Part => {
  const name = `attribute ${type & NLA_TYPE_MASK}`
  return { key: name, kernelName: name, at, from, to, codec: rawBytes }
}

/** A nested list of equal elements, each in an attribute of type `number` (NFTA_LIST_ELEM, say). */
export const list = <T>(
  codec: Codec<T>,
  number = 1,
  kernelName = 'NFTA_LIST_ELEM',
): Codec<T[]> & { readonly element: Codec<T> } => ({
  element: codec,
  nested: true,
  encode(writer, values) {
    for (const value of values)
      writeValue(writer, codec.nested ? number | NLA_F_NESTED : number, kernelName, codec, value)
  },
  decode(bytes, start, end) {
    const values: T[] = []
    for (const { from, to } of rawAttributes(bytes, start, end))
      values.push(decodeWithin(codec, kernelName, bytes, from, to))
    return values
  },
  *parts(bytes, start, end): Iterable<Part> {
    let index = 0
    for (const { at, from, to } of rawAttributes(bytes, start, end))
      yield { key: String(index++), kernelName, at, from, to, codec }
  },
})

type VariantCases = { readonly [name: string]: Codec<unknown> }

/**
 * A value whose name chooses the form of its data; names without a case keep their data as raw bytes. `bare`: there is
 * no data attribute at all, as where the kernel lists a veth. The empty `kernelName`: there is no name, as where the
 * kernel lists hardware that is a port of a bridge.
 */
export type VariantOf<C extends VariantCases> = (
  | { [K in keyof C & string]: { name: K; data: Infer<C[K]>; bare?: true } }[keyof C & string]
  | { name: 'other'; kernelName: string; raw: Uint8Array | undefined }
) & { unknown?: UnknownAttribute[] }

/**
 * Two sibling attributes of which the first, a string, selects the codec of the second: link kinds
 * (IFLA_INFO_KIND / IFLA_INFO_DATA) and nf_tables expressions (NFTA_EXPR_NAME / NFTA_EXPR_DATA).
 */
export const variant = <const C extends VariantCases>(
  selector: readonly [number, string],
  data: readonly [number, string],
  cases: C,
): Codec<VariantOf<C>> & { readonly cases: C } => {
  const read = (bytes: Uint8Array, start: number, end: number) => {
    const all = rawAttributes(bytes, start, end)
    const first = (number: number) => all.find(raw => (raw.type & NLA_TYPE_MASK) === number)
    const nameAttribute = first(selector[0])
    const payload = first(data[0])
    const name = nameAttribute ? cstring.decode(bytes, nameAttribute.from, nameAttribute.to) : ''
    const codec = Object.hasOwn(cases, name) ? cases[name] : undefined
    return { all, nameAttribute, name, payload, codec }
  }
  const payloadOf = (value: { name: string; data: unknown; raw?: Uint8Array; bare?: true }) => {
    const { raw } = value
    if (value.name === 'other') return raw && ((writer: Writer) => writer.raw(raw))
    const codec = Object.hasOwn(cases, value.name) ? cases[value.name] : undefined
    if (codec === undefined)
      throw new EncodeError(`no form is known for ${JSON.stringify(value.name)}`, [data[1]])
    return value.bare ? undefined : (writer: Writer) => codec.encode(writer, value.data)
  }
  return {
    cases,
    nested: true,
    encode(writer, value) {
      const unknown = new UnknownWriter(writer, value.unknown)
      const name = value.name === 'other' ? (value as { kernelName: string }).kernelName : value.name
      if (name !== '') {
        unknown.beforeNext()
        writeAttribute(writer, selector[0], selector[1], () => cstring.encode(writer, name))
      }
      const payload = payloadOf(value as { name: string; data: unknown; raw?: Uint8Array; bare?: true })
      if (payload) {
        unknown.beforeNext()
        writeAttribute(writer, data[0] | NLA_F_NESTED, data[1], payload)
      }
      unknown.rest()
    },
    decode(bytes, start, end) {
      let name: string | undefined
      let [from, to] = [-1, -1]
      let unknown: UnknownAttribute[] | undefined
      let place = 0
      let at = start
      for (; end - at >= headerSize; place++) {
        const next = at + lengthAt(bytes, at, end)
        const type = u16At(bytes, at + 2)
        const number = type & NLA_TYPE_MASK
        if (number === selector[0] && name === undefined) name = cstring.decode(bytes, at + headerSize, next)
        else if (number === data[0] && from < 0) [from, to] = [at + headerSize, next]
        else {
          unknown ??= []
          unknown.push({ type, bytes: rawBytes.decode(bytes, at + headerSize, next), at: place })
        }
        at += (next - at + 3) & ~3
      }
      if (at < end) throw leftOver(end - at)
      name ??= ''
      const codec = Object.hasOwn(cases, name) ? cases[name] : undefined
      const isBare = from < 0
      const value: Record<string, unknown> =
        codec === undefined
          ? { name: 'other', kernelName: name, raw: isBare ? undefined : rawBytes.decode(bytes, from, to) }
          : { name, data: decodeWithin(codec, data[1], bytes, isBare ? end : from, isBare ? end : to) }
      if (codec !== undefined && isBare) value.bare = true
      if (unknown) value.unknown = unknown
      return value as VariantOf<C>
    },
    *parts(bytes, start, end): Iterable<Part> {
      const { all, nameAttribute, name, payload, codec } = read(bytes, start, end)
      for (const raw of all) {
        const { at, from, to } = raw
        if (raw === nameAttribute)
          yield { key: 'name', kernelName: selector[1], at, from, to, codec: rawBytes }
        else if (raw === payload)
          yield { key: name, kernelName: data[1], at, from, to, codec: codec ?? rawBytes }
        else yield unknownPart(raw.type, at, from, to)
      }
    },
  }
}

type Sized<T> = Codec<T> & { readonly size: number }
type StructFields = { readonly [key: string]: Sized<unknown> }

export type StructOf<F extends StructFields> = { -readonly [K in keyof F]: Infer<F[K]> }

/** A C structure of fixed fields in order (no implicit padding: declare it). Longer input is cut, as newer kernels append. */
export const struct = <const F extends StructFields>(
  fields: F,
): Sized<StructOf<F>> & { readonly fields: F } => {
  const entries = Object.entries(fields)
  const size = entries.reduce((sum, [, codec]) => sum + codec.size, 0)
  return {
    fields,
    size,
    encode(writer, value) {
      for (const [key, codec] of entries) codec.encode(writer, (value as Record<string, unknown>)[key])
    },
    decode(bytes, start, end) {
      if (end - start < size) throw new DecodeError(`expected ${size} bytes, found ${end - start}`)
      const value: Record<string, unknown> = {}
      let at = start
      for (const [key, codec] of entries) {
        value[key] = codec.decode(bytes, at, at + codec.size)
        at += codec.size
      }
      return value as StructOf<F>
    },
  }
}

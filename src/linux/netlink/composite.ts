import { type Codec, DecodeError, EncodeError, type Infer, type Part } from './codec.ts'
import { littleEndian, type Writer } from './writer.ts'

/**
 * Theory of operation. A table declares a set of attributes once: its key in our values, the kernel's number, the codec
 * and the kernel's name. Encoding, decoding, the way from an offset to an attribute's name, the debug print and the
 * TypeScript type all come from that table. Attributes a table does not know are kept as raw bytes under `unknown`, so
 * that what was read can be written back. On the wire an attribute is struct nlattr: length (header included), type
 * with two flag bits, payload, padding to four bytes; the last padding may be missing.
 */

const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff
const headerSize = 4

/** `key: [number, codec, kernel name]`. */
export type AttributeTable = { readonly [key: string]: readonly [number, Codec<unknown>, string] }

/** An attribute the table does not know, as it was on the wire (flag bits included in `type`). */
export type UnknownAttribute = { type: number; bytes: Uint8Array }

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

/** Walks the attributes in bytes[start, end). Throws DecodeError when a length does not fit. */
export function* rawAttributes(bytes: Uint8Array, start: number, end: number): Generator<RawAttribute> {
  let at = start
  while (end - at >= headerSize) {
    const length = u16At(bytes, at)
    if (length < headerSize || at + length > end)
      throw new DecodeError(`attribute length ${length} does not fit in the ${end - at} bytes that are left`)
    yield { type: u16At(bytes, at + 2), at, from: at + headerSize, to: at + length }
    at += (length + 3) & ~3
  }
  if (at < end) throw new DecodeError(`${end - at} bytes after the last attribute`)
}

/** Appends one attribute around whatever `payload` writes. Throws EncodeError past the 64 KiB an attribute can hold. */
export const writeAttribute = (
  writer: Writer,
  type: number,
  kernelName: string,
  payload: (writer: Writer) => void,
): void => {
  const at = writer.reserve(headerSize)
  payload(writer)
  const length = writer.length - at
  if (length > 0xffff)
    throw new EncodeError(`${kernelName} takes ${length} bytes, more than an attribute can hold`)
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

/** A list of attributes declared by a table; also the codec of a nested attribute. Written in the order of the value's keys, as read. */
export const attributes = <const T extends AttributeTable>(table: T): Attributes<T> => {
  const entries = Object.entries(table)
  const byNumber = new Map(
    entries.map(([key, entry]) => [entry[0], { key, codec: entry[1], kernelName: entry[2] }]),
  )
  return {
    table,
    nested: true,
    encode(writer, value) {
      for (const [key, item] of Object.entries(value)) {
        if (item === undefined) continue
        if (key === 'unknown') {
          writeUnknown(writer, item as UnknownAttribute[])
          continue
        }
        const entry = table[key]
        if (entry === undefined) throw new EncodeError(`no attribute is called ${JSON.stringify(key)}`)
        const [number, codec, kernelName] = entry
        writeAttribute(writer, codec.nested ? number | NLA_F_NESTED : number, kernelName, () =>
          codec.encode(writer, item),
        )
      }
    },
    decode(bytes, start, end) {
      const value: Record<string, unknown> = {}
      let unknown: UnknownAttribute[] | undefined
      for (const { type, from, to } of rawAttributes(bytes, start, end)) {
        const known = byNumber.get(type & NLA_TYPE_MASK)
        if (known) value[known.key] = decodeWithin(known.codec, known.kernelName, bytes, from, to)
        else {
          unknown ??= []
          unknown.push({ type, bytes: bytes.slice(from, to) })
        }
      }
      if (unknown) value['unknown'] = unknown
      return value as AttributesOf<T>
    },
    *parts(bytes, start, end): Iterable<Part> {
      for (const { type, at, from, to } of rawAttributes(bytes, start, end)) {
        const known = byNumber.get(type & NLA_TYPE_MASK)
        if (known) yield { key: known.key, kernelName: known.kernelName, at, from, to, codec: known.codec }
        else yield unknownPart(type, at, from, to)
      }
    },
  }
}

const writeUnknown = (writer: Writer, unknown: readonly UnknownAttribute[]): void => {
  for (const { type, bytes } of unknown)
    writeAttribute(writer, type, `attribute ${type & NLA_TYPE_MASK}`, () => writer.raw(bytes))
}

const unknownPart = (type: number, at: number, from: number, to: number): Part => {
  const name = `attribute ${type & NLA_TYPE_MASK}`
  return { key: name, kernelName: name, at, from, to, codec: rawBytes }
}

const rawBytes: Codec<unknown> = {
  encode(writer, value) {
    writer.raw(value as Uint8Array)
  },
  decode: (source, start, end) => source.slice(start, end),
}

/** A nested list of equal elements, each in an attribute of type `number` (NFTA_LIST_ELEM, say). */
export const list = <T>(codec: Codec<T>, number = 1, kernelName = 'NFTA_LIST_ELEM'): Codec<T[]> => ({
  nested: true,
  encode(writer, values) {
    for (const value of values)
      writeAttribute(writer, codec.nested ? number | NLA_F_NESTED : number, kernelName, () =>
        codec.encode(writer, value),
      )
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

/** A value whose name chooses the form of its data; names without a case keep their data as raw bytes. */
export type VariantOf<C extends VariantCases> = (
  | { [K in keyof C & string]: { name: K; data: Infer<C[K]> } }[keyof C & string]
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
): Codec<VariantOf<C>> => {
  const read = (bytes: Uint8Array, start: number, end: number) => {
    let name: { text: string; raw: RawAttribute } | undefined
    let payload: RawAttribute | undefined
    let unknown: UnknownAttribute[] | undefined
    for (const raw of rawAttributes(bytes, start, end)) {
      const type = raw.type & NLA_TYPE_MASK
      if (type === selector[0]) name = { text: text(bytes, raw.from, raw.to), raw }
      else if (type === data[0]) payload = raw
      else {
        unknown ??= []
        unknown.push({ type: raw.type, bytes: bytes.slice(raw.from, raw.to) })
      }
    }
    if (name === undefined) throw new DecodeError(`${selector[1]} is missing`)
    return { name, payload, unknown, codec: Object.hasOwn(cases, name.text) ? cases[name.text] : undefined }
  }
  return {
    nested: true,
    encode(writer, value) {
      const name = value.name === 'other' ? (value as { kernelName: string }).kernelName : value.name
      writeAttribute(writer, selector[0], selector[1], () => {
        writer.raw(encoder.encode(`${name}\0`))
      })
      if (value.name === 'other') {
        const { raw } = value as { raw: Uint8Array | undefined }
        if (raw) writeAttribute(writer, data[0] | NLA_F_NESTED, data[1], () => writer.raw(raw))
        writeUnknown(writer, value.unknown ?? [])
        return
      }
      const codec = cases[name]
      if (codec === undefined)
        throw new EncodeError(`${data[1]}: no form is known for ${JSON.stringify(name)}`)
      writeAttribute(writer, data[0] | NLA_F_NESTED, data[1], () =>
        codec.encode(writer, (value as { data: unknown }).data),
      )
      writeUnknown(writer, value.unknown ?? [])
    },
    decode(bytes, start, end) {
      const { name, payload, codec, unknown } = read(bytes, start, end)
      const siblings = unknown && { unknown }
      if (codec === undefined)
        return {
          name: 'other',
          kernelName: name.text,
          raw: payload && bytes.slice(payload.from, payload.to),
          ...siblings,
        } as VariantOf<C>
      const value = decodeWithin(codec, data[1], bytes, payload?.from ?? end, payload?.to ?? end)
      return { name: name.text, data: value, ...siblings } as VariantOf<C>
    },
    *parts(bytes, start, end): Iterable<Part> {
      const { name, payload, codec } = read(bytes, start, end)
      yield {
        key: 'name',
        kernelName: selector[1],
        at: name.raw.at,
        from: name.raw.from,
        to: name.raw.to,
        codec: rawBytes,
      }
      if (payload)
        yield {
          key: name.text,
          kernelName: data[1],
          at: payload.at,
          from: payload.from,
          to: payload.to,
          codec: codec ?? rawBytes,
        }
    },
  }
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()
const text = (bytes: Uint8Array, start: number, end: number) =>
  decoder.decode(bytes.subarray(start, bytes[end - 1] === 0 ? end - 1 : end))

type Sized<T> = Codec<T> & { readonly size: number }
type StructFields = { readonly [key: string]: Sized<unknown> }

export type StructOf<F extends StructFields> = { -readonly [K in keyof F]: Infer<F[K]> }

/** A C structure of fixed fields in order (no implicit padding: declare it). Longer input is cut, as newer kernels append. */
export const struct = <const F extends StructFields>(fields: F): Sized<StructOf<F>> => {
  const entries = Object.entries(fields)
  const size = entries.reduce((sum, [, codec]) => sum + codec.size, 0)
  return {
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

import { type Codec, DecodeError, EncodeError } from '../netlink/codec.ts'
import { rawAttributes, writeAttribute } from '../netlink/composite.ts'
import { be32, cstring } from '../netlink/scalars.ts'

/** Codecs that only nf_tables needs. Almost every number of nf_tables is 32 bits in network byte order. */

const NLA_F_NESTED = 0x8000

/** A signed 32-bit number in network byte order: hook priorities and verdicts. */
export const beI32: Codec<number> & { size: number } = {
  size: 4,
  encode(writer, value) {
    if ((value | 0) !== value) throw new EncodeError(`${value} is no signed 32-bit integer`)
    writer.be32(value >>> 0)
  },
  decode: (bytes, start, end) => be32.decode(bytes, start, end) | 0,
}

/** A string without a terminating NUL, as nft sends a few; reading accepts both. */
export const plainString: Codec<string> = {
  encode(writer, value) {
    if (value.includes('\0')) throw new EncodeError('a string for the kernel cannot hold a NUL byte')
    writer.raw(new TextEncoder().encode(value))
  },
  decode: cstring.decode,
}

/** A 32-bit number that has names; a number without a name stays a number, so that newer kernels can be read. */
export const named32 = <const N extends string>(
  names: Readonly<Record<N, number>>,
): Codec<N | number> & { readonly names: Readonly<Record<N, number>> } => {
  const byNumber = new Map<number, N>()
  for (const name of Object.keys(names) as N[])
    if (!byNumber.has(names[name])) byNumber.set(names[name], name)
  return {
    names,
    encode(writer, value) {
      const number = typeof value === 'number' ? value : names[value]
      if (number === undefined) throw new EncodeError(`${JSON.stringify(value)} has no number`)
      be32.encode(writer, number)
    },
    decode(bytes, start, end) {
      const number = be32.decode(bytes, start, end)
      return byNumber.get(number) ?? number
    },
  }
}

/** A nested list whose entries are numbered 1, 2, 3… by their attribute type: the elements of a set. */
export const numberedList = <T>(
  codec: Codec<T>,
  kernelName: string,
): Codec<T[]> & { readonly element: Codec<T> } => ({
  nested: true,
  element: codec,
  encode(writer, values) {
    let number = 1
    for (const value of values)
      writeAttribute(writer, (codec.nested ? NLA_F_NESTED : 0) | (number++ & 0x3fff), kernelName, () =>
        codec.encode(writer, value),
      )
  },
  decode(bytes, start, end) {
    const values: T[] = []
    for (const { from, to } of rawAttributes(bytes, start, end)) {
      try {
        values.push(codec.decode(bytes, from, to))
      } catch (error) {
        throw error instanceof DecodeError ? error.within(kernelName) : error
      }
    }
    return values
  },
  *parts(bytes, start, end) {
    let index = 0
    for (const { at, from, to } of rawAttributes(bytes, start, end))
      yield { key: String(index++), kernelName, at, from, to, codec }
  },
})

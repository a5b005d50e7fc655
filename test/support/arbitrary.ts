/** Generators of values for fast-check, made from the schemas themselves, so that no attribute is forgotten. */
import fc from 'fast-check'
import { bigIntToIp } from '../../src/linux/net/ip.ts'
import { formatMac } from '../../src/linux/net/mac.ts'
import type { Codec } from '../../src/linux/netlink/codec.ts'
import type { AttributeTable, UnknownAttribute } from '../../src/linux/netlink/composite.ts'
import * as scalars from '../../src/linux/netlink/scalars.ts'

type Anything = fc.Arbitrary<unknown>

const unsigned = (bits: number) => fc.nat({ max: 2 ** bits - 1 })
const unsigned64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const address = (family: 4 | 6) =>
  fc.bigInt({ min: 0n, max: 2n ** (family === 4 ? 32n : 128n) - 1n }).map(bits => bigIntToIp(bits, family))

/** Every code point but NUL and lone surrogates: what a string of the kernel can hold. */
export const kernelText = fc.string({ unit: 'binary', maxLength: 40 }).map(text => text.replaceAll('\0', ''))
export const someBytes = fc.uint8Array({ maxLength: 60 })

/** Generators of the codecs of single values. Others (of nf_tables, say) are added by the test that uses them. */
export const scalarArbitraries = new Map<unknown, Anything>([
  [scalars.u8, unsigned(8)],
  [scalars.u16, unsigned(16)],
  [scalars.be16, unsigned(16)],
  [scalars.u32, unsigned(32)],
  [scalars.be32, unsigned(32)],
  [scalars.i32, fc.integer()],
  [scalars.u64, unsigned64],
  [scalars.be64, unsigned64],
  [scalars.flag, fc.constant(true)],
  [scalars.cstring, kernelText],
  [scalars.bytes, someBytes],
  [scalars.ip, fc.oneof(address(4), address(6))],
  [scalars.linkAddress, fc.uint8Array({ maxLength: 20 }).map(formatMac)],
])

/** What a composite codec shows of its inside; a codec has some of these. */
type Inside = {
  header?: Codec<unknown>
  table?: AttributeTable
  fields?: Record<string, Codec<unknown>>
  cases?: Record<string, Codec<unknown>>
  element?: Codec<unknown>
}

const unknownAttribute = (numbers: number[]): fc.Arbitrary<UnknownAttribute> =>
  fc.record({
    // With the flag bits, and a number that the table does not know.
    type: unsigned(16).filter(type => !numbers.includes(type & 0x3fff)),
    bytes: someBytes,
  })

const tableValue = (table: AttributeTable): Anything => {
  const entries = Object.entries(table)
  const numbers = entries.map(([, [number]]) => number)
  const known = Object.fromEntries(entries.map(([key, [, codec]]) => [key, arbitraryOf(codec)]))
  return fc
    .tuple(
      fc.record(known, { requiredKeys: [] }),
      fc.array(unknownAttribute(numbers), { maxLength: 3 }),
      fc.array(fc.nat({ max: 4 }), { minLength: 3, maxLength: 3 }),
    )
    .map(([value, unknown, gaps]) => {
      if (unknown.length === 0) return value
      // Places among all attributes: each unknown one some way behind the one before, none behind a gap.
      const total = Object.keys(value).length + unknown.length
      let place = -1
      const placed = unknown.map((item, index) => {
        const last = total - (unknown.length - index)
        place = Math.min(place + 1 + (gaps[index] ?? 0), last)
        return { ...item, at: place }
      })
      return { ...value, unknown: placed }
    })
}

/** A generator of the values that a codec can hold. Throws for a codec it knows nothing about. */
export function arbitraryOf(codec: Codec<unknown>): Anything {
  const scalar = scalarArbitraries.get(codec)
  if (scalar) return scalar
  const { header, table, fields, cases, element } = codec as Inside
  if (fields)
    return fc.record(
      Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, arbitraryOf(field)])),
    )
  if (table && header) return fc.record({ header: arbitraryOf(header), attributes: tableValue(table) })
  if (table) return tableValue(table)
  if (element) return fc.array(arbitraryOf(element), { maxLength: 5 })
  if (cases) {
    const known = Object.entries(cases).map(([name, data]) =>
      fc.record({ name: fc.constant(name), data: arbitraryOf(data) }),
    )
    const other = fc.record({
      name: fc.constant('other'),
      kernelName: kernelText.filter(name => !Object.hasOwn(cases, name)),
      raw: fc.option(someBytes, { nil: undefined }),
    })
    return fc.oneof(...known, other)
  }
  throw new Error('No generator is known for this codec')
}

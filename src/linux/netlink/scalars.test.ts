import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { scalarArbitraries } from '../../../test/support/arbitrary.ts'
import { fromHex } from '../../../test/support/golden.ts'
import { type Codec, DecodeError, EncodeError } from './codec.ts'
import * as scalars from './scalars.ts'
import { Writer } from './writer.ts'

const encode = <T>(codec: Codec<T>, value: T): string => {
  const writer = new Writer(1)
  codec.encode(writer, value)
  return Buffer.from(writer.bytes).toString('hex')
}
const decode = <T>(codec: Codec<T>, hex: string): T => codec.decode(fromHex(hex), 0, hex.length / 2)
const { u8, u16, u32, i32, u64, be16, be32, be64, flag, cstring, bytes, ip, linkAddress } = scalars

test('every scalar has a generator, and decodes what it encodes', () => {
  expect(Object.values(scalars).filter(codec => !scalarArbitraries.has(codec))).toEqual([])
  for (const [codec, values] of scalarArbitraries)
    fc.assert(
      fc.property(values, value => {
        expect(decode(codec as Codec<unknown>, encode(codec as Codec<unknown>, value))).toEqual(value)
      }),
    )
})

describe('the byte order is in the name', () => {
  const cases: [string, Codec<unknown>, unknown, string][] = [
    ['u8', u8, 0xab, 'ab'],
    ['u16', u16, 0x102, '0201'],
    ['u32', u32, 0x1020304, '04030201'],
    ['i32', i32, -2, 'feffffff'],
    ['u64', u64, 0x102030405060708n, '0807060504030201'],
    ['be16', be16, 0x102, '0102'],
    ['be32', be32, 0xfffefdfc, 'fffefdfc'],
    ['be64', be64, 0x102030405060708n, '0102030405060708'],
  ]
  for (const [name, codec, value, hex] of cases)
    test(name, () => {
      expect(encode(codec, value)).toBe(hex)
      expect(decode(codec, hex)).toBe(value)
      for (const wrong of [hex.slice(2), `${hex}00`]) expect(() => decode(codec, wrong)).toThrow(DecodeError)
    })
})

test('numbers that do not fit are refused', () => {
  const cases: [Codec<unknown>, unknown[]][] = [
    [u8, [-1, 256, 1.5, Number.NaN, undefined]],
    [u16, [-1, 65_536]],
    [u32, [-1, 2 ** 32]],
    [i32, [2 ** 31, -(2 ** 31) - 1, 0.5]],
    [u64, [-1n, 1n << 64n]],
    [be16, [65_536]],
    [be32, [2 ** 32]],
    [be64, [-1n, 1n << 64n]],
  ]
  for (const [codec, values] of cases)
    for (const value of values) expect(() => encode(codec, value)).toThrow(EncodeError)
})

describe('cstring', () => {
  test('ends at the first NUL, or at the end', () => {
    expect(decode(cstring, '6100')).toBe('a')
    expect(decode(cstring, '61')).toBe('a')
    expect(decode(cstring, '61006200')).toBe('a')
    expect(decode(cstring, '')).toBe('')
    expect(encode(cstring, 'a')).toBe('6100')
  })
  test('keeps a byte order mark: two names must not read alike', () => {
    expect(decode(cstring, 'efbbbf6100')).toBe('\uFEFFa')
  })
  test('bytes that are no UTF-8 do not throw', () => {
    expect(decode(cstring, 'ff00')).toBe('\uFFFD')
  })
  test('refuses a NUL inside', () => {
    expect(() => encode(cstring, 'a\0b')).toThrow(EncodeError)
  })
})

test('bytes are copied', () => {
  const source = Uint8Array.of(1, 2, 3)
  const copy = bytes.decode(source, 1, 3)
  source.fill(9)
  expect(copy).toEqual(Uint8Array.of(2, 3))
})

describe('ip', () => {
  test('the length tells the family', () => {
    expect(decode(ip, 'c0a82d02')).toBe('192.168.45.2')
    expect(decode(ip, 'fd000045000000000000000000000002')).toBe('fd00:45::2')
    for (const hex of ['', 'c0a82d', 'c0a82d0201']) expect(() => decode(ip, hex)).toThrow(DecodeError)
  })
  test('refuses what is no address', () => {
    for (const text of ['', '1.2.3', '1.2.3.4/24', 'fe80::1%eth0', 'x'])
      expect(() => encode(ip, text)).toThrow(EncodeError)
  })
})

describe('linkAddress', () => {
  test('has any length, as tunnels have it', () => {
    for (const hex of ['', '020000000001', 'c0a82d02', '80000000fe80000000000000000000000000000000000001'])
      expect(encode(linkAddress, decode(linkAddress, hex))).toBe(hex)
    expect(decode(linkAddress, '020000000001')).toBe('02:00:00:00:00:01')
  })
  test('refuses what is no address', () => {
    for (const text of ['2', '02:0', '02-00', 'xx:yy', '02:'])
      expect(() => encode(linkAddress, text)).toThrow(EncodeError)
  })
})

test('flag has no payload', () => {
  expect(encode(flag, true)).toBe('')
  expect(decode(flag, '')).toBe(true)
  expect(() => decode(flag, '00')).toThrow(DecodeError)
})

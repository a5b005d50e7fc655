import { describe, expect, test } from 'bun:test'
import { fromHex } from '../../../test/support/golden.ts'
import { type Codec, DecodeError, EncodeError } from './codec.ts'
import { attributes, list, rawAttributes, struct, variant, writeAttribute } from './composite.ts'
import { message } from './message.ts'
import { bytes, cstring, flag, u8, u16, u32 } from './scalars.ts'
import { Writer } from './writer.ts'

const encode = (codec: Codec<unknown>, value: unknown): string => {
  const writer = new Writer(4)
  codec.encode(writer, value)
  return Buffer.from(writer.bytes).toString('hex')
}
const decode = <T>(codec: Codec<T>, hex: string): T => codec.decode(fromHex(hex), 0, hex.length / 2)

/** The error that `action` throws. */
const thrown = (action: () => unknown): Error => {
  try {
    action()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('Nothing was thrown')
}

const inner = attributes({ size: [1, u32, 'INNER_SIZE'], mark: [2, flag, 'INNER_MARK'] })
const table = attributes({
  short: [1, u16, 'A_SHORT'],
  text: [2, cstring, 'A_TEXT'],
  inner: [3, inner, 'A_INNER'],
  raw: [4, bytes, 'A_RAW'],
})

describe('attributes', () => {
  test('are written in the order of the keys, padded, nested ones with the flag', () => {
    const value = { text: 'abc', short: 258, inner: { mark: true, size: 1 } }
    const hex = '0800020061626300' + '0600010002010000' + '10000380' + '04000200' + '0800010001000000'
    expect(encode(table, value)).toBe(hex)
    expect(decode(table, hex)).toEqual(value as never)
  })

  test('are read whether or not the flag bits are set', () => {
    for (const type of ['0300', '0380', '0340', '03c0'])
      expect(decode(table, `0c00${type}0800010001000000`)).toEqual({ inner: { size: 1 } })
  })

  test('may lack the last padding', () => {
    expect(decode(table, '060001000201')).toEqual({ short: 258 })
  })

  test('undefined is not written, a zero-length payload is', () => {
    expect(encode(table, { short: undefined, raw: new Uint8Array() })).toBe('04000400')
    expect(decode(table, '04000400')).toEqual({ raw: new Uint8Array() })
  })

  test('unknown ones are kept in their place, flag bits included', () => {
    const hex = `05000980aa000000${'0600010002010000'}${'04000a40'}${'05000200000000' + '00'}${'0600090001020000'}`
    const value = decode(table, hex)
    expect(value).toEqual({
      short: 258,
      text: '',
      unknown: [
        { type: 0x8009, bytes: fromHex('aa'), at: 0 },
        { type: 0x400a, bytes: new Uint8Array(), at: 2 },
        { type: 9, bytes: fromHex('0102'), at: 4 },
      ],
    })
    expect(encode(table, value)).toBe(hex)
  })

  test('unknown ones without a place come last', () => {
    const unknown = [{ type: 9, bytes: fromHex('01') }]
    expect(encode(table, { unknown, short: 1 })).toBe('0600010001000000' + '0500090001000000')
  })

  test('a repeated one is kept beside the first', () => {
    const hex = '0600010001000000' + '0600010002000000'
    const value = decode(table, hex)
    expect(value).toEqual({ short: 1, unknown: [{ type: 1, bytes: fromHex('0200'), at: 1 }] })
    expect(encode(table, value)).toBe(hex)
  })

  test('a length that does not fit is a DecodeError that names the attribute around it', () => {
    for (const hex of ['03000100', '09000100aabbccdd', '0000', '0500010000000000aa'])
      expect(() => decode(table, hex)).toThrow(DecodeError)
    const error = thrown(() => decode(table, '0b0003000700010001020300'))
    expect(error).toBeInstanceOf(DecodeError)
    expect(error.message).toBe('A_INNER.INNER_SIZE: expected 4 bytes, found 3')
    expect((error as DecodeError).path).toEqual(['A_INNER', 'INNER_SIZE'])
  })

  test('a value that does not fit is an EncodeError that names the attribute', () => {
    const error = thrown(() => encode(table, { inner: { size: -1 } }))
    expect(error).toBeInstanceOf(EncodeError)
    expect(error.message).toBe('A_INNER.INNER_SIZE: -1 is no unsigned 32-bit integer')
  })

  test('64 KiB are too long, one byte less is not', () => {
    expect(encode(table, { raw: new Uint8Array(65_531) }).length / 2).toBe(65_536)
    const error = thrown(() => encode(table, { raw: new Uint8Array(65_532) }))
    expect(error).toBeInstanceOf(EncodeError)
    expect(error.message).toBe('A_RAW: 65536 bytes are more than an attribute can hold')
  })

  test('a key that is not in the table is an EncodeError, also one that every object has', () => {
    for (const key of ['nosuch', 'toString', 'constructor'])
      expect(() => encode(table, { [key]: 1 })).toThrow(EncodeError)
  })
})

describe('rawAttributes and writeAttribute', () => {
  test('walk what they wrote', () => {
    const writer = new Writer(1)
    writeAttribute(writer, 7, 'X', inner => inner.u8(1))
    writeAttribute(writer, 8, 'Y', inner => inner.u32(2))
    expect([...rawAttributes(writer.bytes, 0, writer.length)]).toEqual([
      { type: 7, at: 0, from: 4, to: 5 },
      { type: 8, at: 8, from: 12, to: 16 },
    ])
  })
})

describe('list', () => {
  const sizes = list(inner)
  test('writes each element into an attribute of its own', () => {
    const hex = '0c00018008000100010000000c0001800800010002000000'
    expect(encode(sizes, [{ size: 1 }, { size: 2 }])).toBe(hex)
    expect(decode(sizes, hex)).toEqual([{ size: 1 }, { size: 2 }])
    expect(decode(sizes, '')).toEqual([])
  })
})

describe('variant', () => {
  const peer = message('struct peer', struct({ index: u32 }), { name: [3, cstring, 'PEER_NAME'] } as const)
  const kind = variant([1, 'KIND'], [2, 'DATA'], {
    pair: attributes({ peer: [1, peer, 'PAIR_PEER'] }),
    empty: attributes({}),
  })

  test('the name chooses the form of the data', () => {
    const value = {
      name: 'pair',
      data: { peer: { header: { index: 5 }, attributes: { name: 'p' } } },
    } as const
    const hex = '0900010070616972000000001400028010000100050000000600030070000000'
    expect(encode(kind, value)).toBe(hex)
    expect(decode(kind, hex)).toEqual(value as never)
  })

  test('a name without the final NUL is read too', () => {
    expect(decode(kind, '0800010070616972' + '04000200')).toEqual({ name: 'pair', data: {} })
  })

  test('data that are missing and data that are empty are two things', () => {
    const missing = '0900010070616972' + '00000000'
    expect(decode(kind, missing)).toEqual({ name: 'pair', data: {}, bare: true })
    for (const hex of [missing, `${missing}04000280`]) expect(encode(kind, decode(kind, hex))).toBe(hex)
  })

  test('the data of other names stay bytes', () => {
    const hex = '0700010061627a000800028001020304'.replace('61627a', '78797a').replace('0700', '0800')
    const value = decode(kind, hex)
    expect(value).toEqual({ name: 'other', kernelName: 'xyz', raw: fromHex('01020304') })
    expect(encode(kind, value)).toBe(hex)
  })

  test('a name that every object has is no case', () => {
    const hex = encode(kind, { name: 'other', kernelName: 'toString', raw: undefined })
    expect(decode(kind, hex)).toEqual({ name: 'other', kernelName: 'toString', raw: undefined })
    expect(() => encode(kind, { name: 'toString', data: {} })).toThrow(EncodeError)
  })

  test('hardware that is a port has no name, only siblings', () => {
    // IFLA_INFO_SLAVE_KIND "bridge", as an IFLA_LINKINFO of a network card in a bridge holds it.
    const hex = '0b000400627269646765' + '0000'
    const value = decode(kind, hex)
    expect(value).toEqual({
      name: 'other',
      kernelName: '',
      raw: undefined,
      unknown: [{ type: 4, bytes: fromHex('62726964676500'), at: 0 }],
    })
    expect(encode(kind, value)).toBe(hex)
  })

  test('siblings keep their place', () => {
    const hex = `${'0500090001000000'}${'0900010070616972' + '00000000'}${'0500090002000000'}${'04000280'}`
    const value = decode(kind, hex)
    expect(value.unknown?.map(({ at }) => at)).toEqual([0, 2])
    expect(encode(kind, value)).toBe(hex)
  })

  test('data that do not fit name their attribute', () => {
    expect(thrown(() => decode(kind, '0900010070616972000000000800020004000100')).message).toBe(
      'DATA.PAIR_PEER: expected struct peer of 4 bytes, found 0',
    )
  })
})

describe('struct', () => {
  const pair = struct({ a: u8, b: u8, c: u16 })
  test('fields follow each other without gaps', () => {
    expect(encode(pair, { a: 1, b: 2, c: 0x304 })).toBe('01020403')
    expect(decode(pair, '01020403')).toEqual({ a: 1, b: 2, c: 0x304 })
  })
  test('longer input is cut, shorter is refused', () => {
    expect(decode(pair, '0102040399')).toEqual({ a: 1, b: 2, c: 0x304 })
    expect(() => decode(pair, '010204')).toThrow(new DecodeError('expected 4 bytes, found 3'))
  })
})

import { describe, expect, test } from 'bun:test'
import { DecodeError } from './codec.ts'
import { attributes, list, struct, variant } from './composite.ts'
import { attributePath, describeMessage, message, messageHeaderSize, writeMessage } from './message.ts'
import { cstring, u8, u16, u32 } from './scalars.ts'
import { Writer } from './writer.ts'

const rule = message('struct rulehdr', struct({ family: u8, version: u16 }), {
  name: [1, cstring, 'RULE_NAME'],
  steps: [
    2,
    list(
      variant([1, 'STEP_KIND'], [2, 'STEP_DATA'], { jump: attributes({ to: [5, u32, 'JUMP_TO'] }) }),
      1,
      'STEP',
    ),
    'RULE_STEPS',
  ],
} as const)

const value = {
  header: { family: 2, version: 0x102 },
  attributes: {
    name: 'r',
    steps: [{ name: 'jump' as const, data: { to: 7 } }],
    unknown: [{ type: 77, bytes: Uint8Array.of(0xab), at: 2 }],
  },
}

const writer = new Writer(8)
rule.encode(writer, value)
const bytes = writer.bytes

describe('message', () => {
  test('attributes begin at the next multiple of four', () => {
    expect([...bytes.slice(0, 12)]).toEqual([2, 2, 1, 0, 6, 0, 1, 0, 0x72, 0, 0, 0])
    expect(rule.decode(bytes, 0, bytes.length)).toEqual(value)
  })
  test('may end right after its header, padding or not', () => {
    for (const end of [3, 4])
      expect(rule.decode(Uint8Array.of(2, 2, 1, 0), 0, end)).toEqual({ header: value.header, attributes: {} })
  })
  test('without its whole header is a DecodeError that names the structure', () => {
    expect(() => rule.decode(bytes, 0, 2)).toThrow(
      new DecodeError('expected struct rulehdr of 3 bytes, found 2'),
    )
  })
})

describe('attributePath', () => {
  const path = (offset: number) => attributePath(rule, bytes, 0, bytes.length, offset)
  test('follows the offset of a header into lists and variants', () => {
    // 4: RULE_NAME; 12: RULE_STEPS; 16: STEP; 20: STEP_KIND; 32: STEP_DATA; 36: JUMP_TO; 44: attribute 77.
    expect(path(4)).toEqual(['name'])
    expect(path(12)).toEqual(['steps'])
    expect(path(16)).toEqual(['steps', '0'])
    expect(path(20)).toEqual(['steps', '0', 'name'])
    expect(path(32)).toEqual(['steps', '0', 'jump'])
    expect(path(36)).toEqual(['steps', '0', 'jump', 'to'])
    expect(path(44)).toEqual(['attribute 77'])
  })
  test('an offset inside a payload means its attribute', () => {
    expect(path(8)).toEqual(['name'])
    expect(path(40)).toEqual(['steps', '0', 'jump', 'to'])
  })
  test('an offset in the header or behind the end means none', () => {
    for (const offset of [-16, 0, 3, 52, 1000]) expect(path(offset)).toEqual([])
  })
})

test('describeMessage prints the kernel’s names', () => {
  expect(describeMessage(rule, bytes, 0, bytes.length)).toBe(
    [
      'struct rulehdr',
      '  RULE_NAME 7200',
      '  RULE_STEPS',
      '    STEP',
      '      STEP_KIND 6a756d7000',
      '      STEP_DATA',
      '        JUMP_TO 07000000',
      '  attribute 77 ab',
    ].join('\n'),
  )
})

test('writeMessage puts length, type, flags and sequence before the payload, and pads', () => {
  const out = new Writer(1)
  out.u32(0xffffffff)
  expect(writeMessage(out, 24, 0x605, 9, inner => inner.u8(0xaa))).toBe(4)
  expect(out.length).toBe(4 + messageHeaderSize + 4)
  expect([...out.bytes.slice(4)]).toEqual([17, 0, 0, 0, 24, 0, 5, 6, 9, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0, 0, 0])
})

describe('Writer', () => {
  test('memory that is used again is zero where nothing is written', () => {
    const one = new Writer(8)
    one.raw(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
    one.reset()
    one.u8(9)
    one.align()
    expect([...one.bytes]).toEqual([9, 0, 0, 0])
  })
})

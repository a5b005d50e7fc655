import { describe, expect, test } from 'bun:test'
import type { Instruction } from '../expressions/index.ts'
import { asState } from '../sets/set-fields.ts'
import { ruleText } from '../text/rule-text.ts'
import { decompile } from './decompile.ts'

const context = { family: 'inet', sets: [asState({ name: 's', key: ['ifname', 'ipv4_addr'] })] } as const
const loadMark: Instruction = { name: 'meta', data: { key: 'mark', dreg: 1 } }
const compare = (value: number[]): Instruction => ({
  name: 'cmp',
  data: { sreg: 1, operator: '==', data: { value: Uint8Array.from(value) } },
})
const unknown: Instruction = { name: 'other', kernelName: 'new_thing', raw: Uint8Array.of(1) }
const text = (...instructions: Instruction[]): string => ruleText({ instructions }, context)

describe('what is not understood', () => {
  test('is named', () => {
    expect(text(unknown)).toBe('unknown "new_thing"')
    expect(decompile([unknown], context)).toEqual([{ kind: 'raw', instruction: unknown }])
  })
  test('makes every register unknown, as it may have written there', () => {
    expect(text(loadMark, unknown, compare([1, 0, 0, 0]))).toBe('unknown "new_thing" unknown "cmp"')
    expect(text(loadMark, compare([1, 0, 0, 0]))).toBe('meta mark 0x00000001')
  })
  test('is a key of a newer kernel, a register that nothing was loaded into, a set that is not there', () => {
    expect(text({ name: 'meta', data: { key: 999, dreg: 1 } })).toBe('unknown "meta"')
    expect(text(compare([1]))).toBe('unknown "cmp"')
    expect(text(loadMark, { name: 'lookup', data: { sreg: 1, set: 'none' } })).toBe('unknown "lookup"')
  })
  test('is a key that is shorter than those of the set', () => {
    const load: Instruction = { name: 'meta', data: { key: 'iifname', dreg: 1 } }
    expect(text(load, { name: 'lookup', data: { sreg: 1, set: 's' } })).toBe('unknown "lookup"')
  })
  test('are matches of x_tables; what is in the registers stays', () => {
    const match: Instruction = {
      name: 'match',
      data: { name: 'comment', revision: 0, info: Uint8Array.of(1) },
    }
    expect(text(loadMark, match, compare([1, 0, 0, 0]))).toBe('xt match "comment" meta mark 0x00000001')
  })
})

test('bytes without a known header stay bytes', () => {
  const load: Instruction = { name: 'payload', data: { dreg: 1, base: 'network', offset: 12, length: 4 } }
  expect(text(load, compare([10, 0, 0, 1]))).toBe('@nh,96,32 0xa000001')
  expect(ruleText({ instructions: [load, compare([10, 0, 0, 1])] }, { ...context, family: 'ip' })).toBe(
    'ip saddr 10.0.0.1',
  )
})

test('fields that nft compares at once are printed apart, and the first bytes of one as a prefix', () => {
  const ipv4 = { ...context, family: 'ip' } as const
  const load = (offset: number, length: number): Instruction => ({
    name: 'payload',
    data: { dreg: 1, base: 'network', offset, length },
  })
  const both = [load(12, 8), compare([10, 0, 0, 1, 10, 0, 0, 2])]
  expect(ruleText({ instructions: both }, ipv4)).toBe('ip saddr 10.0.0.1 ip daddr 10.0.0.2')
  const more = [load(12, 6), compare([10, 0, 0, 1, 10, 1])]
  expect(ruleText({ instructions: more }, ipv4)).toBe('ip saddr 10.0.0.1 ip daddr 10.1.0.0/16')
})

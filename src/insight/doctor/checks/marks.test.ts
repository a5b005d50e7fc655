import { expect, test } from 'bun:test'
import { bitsAsked, bitsSet } from './marks.ts'

const none = { instructions: [] }
const words = (...values: number[]) => new Uint8Array(new Uint32Array(values).buffer)
const xt = (name: 'match' | 'target', extension: string, info: Uint8Array) =>
  ({ instructions: [{ name, data: { name: extension, revision: 1, info } }] }) as never

test('the bits that a rule sets, in the words of nft and as iptables has it', () => {
  expect(bitsSet('iifname "a" meta mark set 0x00002000', none)).toBe(0x2000)
  expect(bitsSet('meta mark set meta mark | 0x00000004 accept', none)).toBe(4)
  expect(bitsSet('meta mark set meta mark & 0xffff00ff | 0x00000400', none)).toBe(0x400)
  expect(bitsSet('xt target "MARK"', xt('target', 'MARK', words(0x4000, 0x4000)))).toBe(0x4000)
  expect(bitsSet('meta mark 0x00002000 drop', none)).toBeUndefined()
  expect(bitsSet('ct mark set 0x00000001', none)).toBeUndefined()
})

test('the bits that a rule asks for', () => {
  expect(bitsAsked('meta mark & 0x00002000 == 0x00002000 drop', none)).toBe(0x2000)
  expect(bitsAsked('meta mark 0x00000010 accept', none)).toBe(0x10)
  expect(bitsAsked('meta mark != 0x00000010 drop', none)).toBe(0x10)
  expect(bitsAsked('xt match "mark" drop', xt('match', 'mark', words(0x10, 0xff)))).toBe(0xff)
  expect(bitsAsked('meta mark set 0x00002000', none)).toBeUndefined()
  expect(bitsAsked('ip saddr 10.0.0.0/8 drop', none)).toBeUndefined()
})

import { expect, test } from 'bun:test'
import { Writer } from '../netlink/writer.ts'
import { addXfrmPolicy, concerns, type XfrmPolicy } from './policy.ts'

const policy = {
  direction: 'fwd',
  action: 'block',
  source: '10.0.0.0/8',
  destination: '10.1.0.0/16',
} as const

test('a policy is the same after it was written and read', () => {
  for (const item of [
    policy,
    { ...policy, source: 'fd00::/8', destination: 'fd00:1::/32', direction: 'out' } as const,
  ]) {
    const { schema, value } = addXfrmPolicy(item)
    const writer = new Writer()
    schema.encode(writer, value)
    expect(writer.length).toBe(168)
    expect(schema.decode(writer.bytes, 0, writer.length)).toMatchObject({ header: item })
  }
})

test('a policy concerns what both of its prefixes contain', () => {
  const whole: XfrmPolicy = { ...policy, hasTemplates: false }
  expect(concerns(whole, { source: '10.9.9.9', destination: '10.1.2.3' })).toBe(true)
  expect(concerns(whole, { source: '10.9.9.9', destination: '10.2.2.3' })).toBe(false)
  expect(concerns(whole, { source: '192.0.2.1', destination: '10.1.2.3' })).toBe(false)
})

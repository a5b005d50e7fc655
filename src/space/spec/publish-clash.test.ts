import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parsePublish } from './publish.ts'
import { findPublishClash, publishesClash } from './publish-clash.ts'
import { anyPublish } from './test-support.ts'

const list = (...texts: string[]) => texts.map((text, i) => ({ space: `s${i}`, publish: parsePublish(text) }))

test.each([
  [['80', '80']],
  [['80', '127.0.0.1:80']],
  [['127.0.0.1:80', '80:8080']],
  [['9000-9010', '9005']],
  [['9005', '9000-9010']],
  [['127.0.0.1:1-100', '127.0.0.1:100-200']],
  [['1-60000', '127.0.0.1:5', '127.0.0.1:50000']],
  [['80', '0.0.0.0:80']],
  [['[::]:80', '80']],
  [['0.0.0.0:80', '0.0.0.0:80']],
  [['0.0.0.0:1-90', '127.0.0.1:80']],
  [['[::1]:80', '[::]:80']],
])('%j clash', texts => expect(findPublishClash(list(...texts))).toBeDefined())

test.each([
  [['80', '80/udp', '80/sctp']],
  [['80:1', '81:1']],
  [['127.0.0.1:80', '192.168.1.32:80']],
  [['1-79', '80', '81-90']],
  [['0.0.0.0:80', '[::]:80']],
  [['0.0.0.0:80', '[::1]:80', '[fd00::1]:80']],
  [[]],
])('%j go together', texts => expect(findPublishClash(list(...texts))).toBeUndefined())

test('the one that comes later in the list is told as the later', () => {
  const clash = findPublishClash(list('9005', '80', '9000-9010'))
  expect(clash?.earlier.space).toBe('s0')
  expect(clash?.later.space).toBe('s2')
})

test('agrees with comparing each with each', () => {
  fc.assert(
    fc.property(fc.array(anyPublish, { maxLength: 12 }), publishes => {
      const items = publishes.map((publish, i) => ({ space: `s${i}`, publish }))
      const slow = items.some((a, i) => items.slice(i + 1).some(b => publishesClash(a.publish, b.publish)))
      const clash = findPublishClash(items)
      expect(clash !== undefined).toBe(slow)
      if (clash) expect(publishesClash(clash.earlier.publish, clash.later.publish)).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('200,000 ports of many addresses: each compared with each would take minutes', () => {
  const items = Array.from({ length: 200_000 }, (_, i) => ({
    space: `s${i}`,
    publish: parsePublish(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:8080:80`),
  }))
  expect(findPublishClash(items)).toBeUndefined()
})

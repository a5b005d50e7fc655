import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { SPACE_KEYS } from './schema.ts'
import { editDistance, suggest } from './suggest.ts'

test.each([
  ['publsh', 'publish'],
  ['Publish', 'publish'],
  ['host_interface', 'hostInterface'],
  ['fix-firewall', 'fixFirewall'],
  ['adress', 'address'],
  ['gatway', 'gateway'],
  ['dsn', undefined],
  ['mut', undefined],
  ['mt', 'mtu'],
  ['image', undefined],
  ['', undefined],
  ['x'.repeat(10_000), undefined],
])('%s: %s', (word, expected) => expect(suggest(word, SPACE_KEYS)).toBe(expected))

test('edit distance is a metric', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3)
  const word = fc.string({ maxLength: 12 })
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b) === 0).toBe(a === b)
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c))
    }),
  )
})

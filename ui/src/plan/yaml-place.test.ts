import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { keyAt, placeAt } from './yaml-place.ts'

/** The place at the bar of the text. */
const at = (text: string) => {
  const offset = text.indexOf('|')
  return placeAt(text.replace('|', ''), offset)
}

test('a key belongs to what is indented less above it', () => {
  expect(at('spaces:\n  web:\n    pub|')).toMatchObject({
    path: ['spaces', 'web'],
    writes: 'key',
    word: 'pub',
  })
  expect(at('spaces:\n  web:\n    egress:\n      allow: []\n    |')).toMatchObject({
    path: ['spaces', 'web'],
  })
  expect(at('spaces:\n  a:\n    dns: []\n\n  # more\n  |')).toMatchObject({ path: ['spaces'], writes: 'key' })
  expect(at('|')).toMatchObject({ path: [], writes: 'key', word: '' })
})

test('a value belongs to its key', () => {
  expect(at('spaces:\n  web:\n    ipv6: o|')).toMatchObject({
    path: ['spaces', 'web', 'ipv6'],
    writes: 'value',
    word: 'o',
  })
  expect(at('spaces:\n  web:\n    publish: ["80|')).toMatchObject({
    path: ['spaces', 'web', 'publish', undefined],
    word: '80',
  })
})

test('an element of a list belongs to the key of the list', () => {
  const element = { path: ['spaces', 'web', 'publish', undefined], writes: 'value' }
  expect(at('spaces:\n  web:\n    publish:\n      - 80|')).toMatchObject({ ...element, word: '80' })
  expect(at('spaces:\n  web:\n    publish:\n    - |')).toMatchObject(element)
})

test('keys that are there already are known', () => {
  expect(
    at('spaces:\n  web:\n    address: 10.0.0.2\n    |\n    dns: []\n  db:\n    mtu: 9').taken.toSorted(),
  ).toEqual(['address', 'dns'])
})

test('the key of a line is described wherever in it the cursor is', () => {
  const text = 'spaces:\n  web:\n    publish: ["80"]\n'
  for (const offset of [text.indexOf('publish'), text.indexOf('80'), text.indexOf(']')])
    expect(keyAt(text, offset)).toEqual(['spaces', 'web', 'publish'])
  expect(keyAt('\n', 0)).toBeUndefined()
})

test('any text has a place everywhere', () => {
  const pieces = fc.constantFrom('a', ':', ' ', '  ', '\n', '- ', '[', ']', '"', '#', 'spaces', ',', '{')
  fc.assert(
    fc.property(fc.array(pieces), fc.nat(), (parts, where) => {
      const text = parts.join('')
      const offset = text.length === 0 ? 0 : where % (text.length + 1)
      const place = placeAt(text, offset)
      expect(place.from).toBe(offset - place.word.length)
      keyAt(text, offset)
    }),
  )
})

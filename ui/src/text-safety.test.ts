import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { shown, shownLines } from './text-safety.ts'

test('what could deceive the eye is written as its escape', () => {
  expect(shown('a\x1b[31mb')).toBe('a\\x1b[31mb')
  expect(shown('\r\n\t')).toBe('\\x0d\\x0a\\x09')
  expect(shown('evil\u202egpj.exe')).toBe('evil\\u{202e}gpj.exe')
  expect(shown('\ud800')).toBe('\\u{d800}')
  expect(shown('\u{e0041}')).toBe('\\u{e0041}')
})

test('what people read stays as it is', () => {
  for (const text of ['192.168.45.3 → 192.168.1.15', '命名空间 myspace', 'naïve <script>', '🧪'])
    expect(shown(text)).toBe(text)
  expect(shownLines('ip link\n\tnft')).toBe('ip link\n\tnft')
})

test('whatever comes in, nothing that is invisible or reorders goes out', () => {
  const bad = /[\p{Cc}\p{Cs}\u200b-\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/u
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      expect(shown(text)).not.toMatch(bad)
      expect(shownLines(text).replace(/[\n\t]/g, '')).not.toMatch(bad)
      expect(shown(shown(text))).toBe(shown(text))
    }),
    { numRuns: 500 },
  )
})

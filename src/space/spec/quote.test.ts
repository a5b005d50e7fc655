import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { printable, quote, visible } from './quote.ts'

test.each([
  ['web', "'web'"],
  ['', "''"],
  ['über 日本', "'über 日本'"],
  ["it's", "'it\\'s'"],
  ['a\\b', "'a\\\\b'"],
  ['a\nb\r\t', "'a\\nb\\r\\t'"],
  ['\x1b[2J\x9b\x7f\0', "'\\x1b[2J\\x9b\\x7f\\x00'"],
  ['\u202eevil\u2066\u200f', "'\\u{202e}evil\\u{2066}\\u{200f}'"],
  ['a\u200bb\ufeff\u2028', "'a\\u{200b}b\\u{feff}\\u{2028}'"],
  ['\ud800', "'\\u{d800}'"],
  ['\u{e0041}', "'\\u{e0041}'"],
])('%j', (text, quoted) => expect(quote(text)).toBe(quoted))

test('long text is cut and its length told', () => {
  expect(quote('x'.repeat(300))).toBe(`'${'x'.repeat(64)}…' (300 characters)`)
  expect(quote('x'.repeat(64))).toBe(`'${'x'.repeat(64)}'`)
})

test('whatever goes in, nothing that a terminal acts on comes out', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), text => {
      const quoted = quote(text)
      expect(quoted).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      expect(printable(text)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      expect(visible(text)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      // What is quoted already stays as it is.
      expect(visible(quoted)).toBe(quoted)
      expect(quoted.length).toBeLessThan(700)
    }),
  )
})

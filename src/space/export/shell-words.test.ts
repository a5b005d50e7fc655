import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { execWord } from '../boot/exec-word.ts'
import { shellCommand } from '../text/quote-shell.ts'
import { shellWords } from './shell-words.ts'

test('words of a command are read back as they were', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 12 }), { minLength: 1, maxLength: 5 }), words => {
      // Only printf can spell what a terminal obeys: such a command needs a shell.
      const needsShell = words.some(word => /((?![\n\t])[\p{C}\p{Zl}\p{Zp}])/u.test(word))
      const text = shellCommand(...words)
      const found = shellWords(text)
      if (found !== undefined) expect(found).toEqual(words)
      else expect(needsShell || /[\n`|]|\$\(|<<|&&|\\/.test(text)).toBe(true)
    }),
  )
})

test('what only a shell understands is left to one', () => {
  for (const text of ['a | b', 'a && b', 'a <<EOF\nx\nEOF', 'a "$(b)"', 'a $(b)', 'a\nb'])
    expect(shellWords(text)).toBeUndefined()
  expect(shellWords("nft 'add rule x | y && z'")).toEqual(['nft', 'add rule x | y && z'])
})

/** What systemd makes of a quoted word: specifiers, escapes, then variables (systemd.service(5), Command lines). */
const asSystemd = (text: string): string => {
  const quoted = /^"([\s\S]*)"$/.exec(text)?.[1]
  const bytes: number[] = []
  const push = (part: string) => bytes.push(...new TextEncoder().encode(part))
  for (const [part, hex, plain] of (quoted ?? text).matchAll(/\\(?:x([0-9a-f]{2})|(.))|[^\\]/gu) as Iterable<
    [string, string | undefined, string | undefined]
  >) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16))
    else if (plain !== undefined) push(({ n: '\n', t: '\t' } as Record<string, string>)[plain] ?? plain)
    else push(part)
  }
  return new TextDecoder().decode(new Uint8Array(bytes)).replaceAll('%%', '%').replaceAll('$$', '$')
}

test('a word means the same to systemd', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), word => {
      const text = execWord(word)
      expect(asSystemd(text)).toBe(word)
      expect(text.includes('\n')).toBe(false)
    }),
  )
  expect(execWord('a b')).toBe('"a b"')
  expect(execWord(';')).toBe('";"')
  expect(execWord('')).toBe('""')
})

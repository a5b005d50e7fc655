import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { quoteShell, shellCommand, shellComment } from './quote-shell.ts'

const sh = (script: string): string => spawnSync('sh', ['-c', script], { encoding: 'utf8', env: {} }).stdout

test('plain words stay as they are', () => {
  for (const word of ['eth0', '192.168.45.2/24', 'net.ipv4.conf.eth0/100.rp_filter', '--set-mss', 'a=b@c'])
    expect(sh(`printf %s ${quoteShell(word)}`)).toBe(word)
  expect(quoteShell('192.168.45.2/24')).toBe('192.168.45.2/24')
})

test('what means something to a shell is quoted', () => {
  expect(quoteShell('')).toBe("''")
  expect(quoteShell("it's")).toBe(`'it'\\''s'`)
  expect(quoteShell('$(reboot)')).toBe("'$(reboot)'")
  expect(quoteShell('~')).toBe("'~'")
})

test('sh reads every quoted list of words as it was', () => {
  const word = fc.string({ unit: 'binary', maxLength: 12 }).filter(text => !/[\0\ud800-\udfff]/.test(text))
  const nasty = fc.string({
    unit: fc.constantFrom("'", '"', '\\', '$', '`', '\n', ' ', '*', '!', '#', 'a', '-'),
  })
  fc.assert(
    fc.property(fc.array(fc.oneof(word, nasty), { minLength: 1, maxLength: 4 }), words => {
      expect(sh(`printf '%s\\001' ${shellCommand(...words)}`)).toBe(words.map(text => `${text}\x01`).join(''))
    }),
    { numRuns: 60 },
  )
})

test('what a terminal would obey is spelt out', () => {
  expect(quoteShell('a\x1b[2Jb')).toBe(`'a'"$(printf '\\033')"'[2Jb'`)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      fc.pre(!text.includes('\0'))
      expect(quoteShell(text)).not.toMatch(
        /[\x01-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/,
      )
    }),
  )
})

test('a word with a NUL is refused', () => {
  expect(() => quoteShell('a\0b')).toThrow(RangeError)
})

test('a comment stays a comment', () => {
  expect(shellComment('one\nreboot\r\x1b[2J')).toEqual(['# one', '# reboot', '# ?[2J'])
  expect(shellComment('a\u202eb\u200bc\x9b')).toEqual(['# a?b?c?'])
})

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Output, styleFor, toJson } from './output.ts'
import { styleOf } from './style.ts'
import { table } from './table.ts'
import { wrap } from './wrap.ts'

const capture = (settings: { json?: boolean; quiet?: boolean } = {}) => {
  const texts = { out: '', err: '' }
  const sink = { out: (text: string) => (texts.out += text), err: (text: string) => (texts.err += text) }
  const style = styleOf(false)
  return {
    texts,
    output: new Output(sink, {
      json: false,
      quiet: false,
      verbose: false,
      style,
      errorStyle: style,
      ...settings,
    }),
  }
}

test('data goes to stdout, notes to stderr; -q and --json silence notes', () => {
  const plain = capture()
  plain.output.lines(['one', 'two'])
  plain.output.note('three')
  expect(plain.texts).toEqual({ out: 'one\ntwo\n', err: 'three\n' })
  for (const settings of [{ quiet: true }, { json: true }]) {
    const silent = capture(settings)
    silent.output.note('three')
    expect(silent.texts.err).toBe('')
  }
})

test('findings are shown with what to do, made printable', () => {
  const { texts, output } = capture()
  output.findings([
    {
      code: 'FORWARD_DROP',
      severity: 'warning',
      title: 'may \x1b[31m drop',
      evidence: ['chain x'],
      why: 'because',
      fix: { commands: ['do this'], undo: [] },
      hides: [],
    },
  ])
  expect(texts.err).toBe(
    'warning: may \\x1b[31m drop\n  because\n  saw: chain x\n  fix: do this\n  code: FORWARD_DROP (natspace explain FORWARD_DROP)\n',
  )
})

test('JSON holds counters of 64 bits: as numbers while they are exact, then as text', () => {
  expect(toJson({ a: 5n, b: 2n ** 60n, c: new Uint8Array([1, 255]), d: '\x1b', e: Buffer.from([7]) })).toBe(
    '{"a":5,"b":"1152921504606846976","c":"01ff","d":"\\u001b","e":"07"}',
  )
})

/** All that a terminal obeys, hides or turns round, among usual text. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\x1b[2J',
        '\x1b]0;x\x07',
        '\r',
        '\x9b2J',
        '\u202e',
        '\u2066',
        '\u200b',
        '\u2028',
        '\ufeff',
        '\u{e0041}',
      ),
      fc.string({ unit: 'binary' }),
    ),
  )
  .map(parts => parts.join(''))
const obeyed = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/u

test('what somebody forgot to make printable does not reach a terminal, nor does JSON leave it as it is', () => {
  fc.assert(
    fc.property(anyText, written => {
      const { texts, output } = capture()
      output.lines([written])
      output.note(written)
      output.messages([written])
      for (const text of [texts.out, texts.err]) expect(text.replaceAll('\t', '')).not.toMatch(obeyed)
      const json = toJson({ [written]: [written] })
      expect(json).not.toMatch(obeyed)
      // A lone surrogate stays what it is.
      expect(JSON.parse(json)).toEqual({ [written]: [written] })
    }),
  )
})

test('colours and tabs are left as they are', () => {
  const { texts, output } = capture()
  const { bold, dim, red, green, yellow, cyan } = styleOf(true)
  const line = [bold, dim, red, green, yellow, cyan].map(paint => paint('x…')).join('\t')
  output.lines([line])
  expect(texts.out).toBe(`${line}\n`)
})

test('colours: never into a file, not for a dumb terminal, not with NO_COLOR, always when asked for', () => {
  const colors = (when: string | undefined, environment = {}) =>
    styleFor(99, when, environment).bold('x') !== 'x'
  expect(colors('always', { NO_COLOR: '1' })).toBe(true)
  expect(colors(undefined)).toBe(false)
  expect(colors('auto')).toBe(false)
  expect(colors('never')).toBe(false)
})

test('columns of a table are as wide as they must be, colours not counted', () => {
  const { green } = styleOf(true)
  expect(
    table(
      ['A', 'LONG'],
      [
        ['longer', green('x')],
        [green('y'), 'z'],
      ],
    ),
  ).toEqual(['A       LONG', `longer  ${green('x')}`, `${green('y')}       z`])
})

test('words are wrapped, and longer ones have a line of their own', () => {
  expect(wrap('a bb ccc ddddddd e', 5)).toEqual(['a bb', 'ccc', 'ddddddd', 'e'])
})

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type RecordedTrace, recordedTrace } from '../../../test/support/recorded-trace.ts'
import { headerLine, readTraces, savedLine, TraceFileError } from '../../insight/trace/saved.ts'
import { storyOf } from '../../insight/trace/story.ts'
import { styleOf } from '../style.ts'
import { flowLines } from './flow-text.ts'
import { refuseBesideReplay } from './replay.ts'
import { storyLines } from './text.ts'

const names: readonly RecordedTrace[] = ['answered', 'refused', 'policy', 'untranslated', 'unforwarded']
const header = headerLine('6.18.0', new Date(0))

/** Every text in a value, as a place that can be written to. */
const textsIn = (value: object): { holder: Record<string, unknown>; key: string }[] =>
  Object.entries(value).flatMap(([key, item]: [string, unknown]) =>
    typeof item === 'string'
      ? [{ holder: value as Record<string, unknown>, key }]
      : typeof item === 'object' && item !== null
        ? textsIn(item)
        : [],
  )

test.each(names.map(name => [name]))('no text of a file reaches a terminal as it is: %s', name => {
  const value = JSON.parse(savedLine({ type: 'flow', observation: recordedTrace(name) })) as object
  const places = textsIn(value)
  const hostile = fc.constantFrom('\u001b]0;x\u0007', 'a\rb', '\u202etxt', 'x\ny', '\u009b2J', '\u2028')
  fc.assert(
    fc.property(fc.nat(places.length - 1), hostile, (index, text) => {
      const place = places[index]
      if (place === undefined) return
      const { holder, key } = place
      const before = holder[key]
      holder[key] = text
      try {
        const file = new TextEncoder().encode(`${header}${JSON.stringify(value)}\n`)
        for (const saved of readTraces([file]).lines) {
          if (saved.type !== 'flow') continue
          const story = storyOf(saved.observation)
          const lines = [
            ...storyLines(story, styleOf(false), true),
            ...flowLines(1, story, styleOf(false), false),
          ]
          for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
        }
      } catch (error) {
        if (!(error instanceof TraceFileError)) throw error
      } finally {
        holder[key] = before
      }
    }),
    { numRuns: 200 },
  )
})

test('a file is told as it is, of whichever space', () => {
  expect(() => refuseBesideReplay(['replay', 'json', 'verbose', 'color', 'quiet'], [])).not.toThrow()
  expect(() => refuseBesideReplay(['replay', 'follow'], [])).toThrow('--follow with --replay')
  expect(() => refuseBesideReplay(['replay'], ['web'])).toThrow("argument 'web'")
})

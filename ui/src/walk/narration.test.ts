import { describe, expect, test } from 'bun:test'
import { en } from '../texts/en.ts'
import { zh } from '../texts/zh.ts'
import { exampleWalk } from './example.test-support.ts'
import { framesOf } from './frames.ts'
import { narrationOf, spoken } from './narration.ts'

const names = [
  'answered',
  'policy',
  'unforwarded',
  'untranslated',
  'refused',
  'published',
  'unpublished',
] as const

describe('what is said of each step', () => {
  for (const [language, { walk: texts }] of Object.entries({ en, zh }))
    test(`is said in ${language}, with a reason`, () => {
      for (const name of names) {
        const walk = exampleWalk(name)
        for (const frame of framesOf(walk)) {
          const { title, why } = narrationOf(frame, walk, texts)
          expect(title).not.toBe('')
          expect(why.filter(line => line === '' || line.includes('undefined'))).toEqual([])
          expect(why.length).toBeGreaterThan(0)
          expect(spoken(frame, walk, texts)).toContain(title)
        }
      }
    })

  test('names the translation, and that the answer needs no rule', () => {
    const walk = exampleWalk('answered')
    const told = framesOf(walk).map(frame => narrationOf(frame, walk, en.walk).title)
    expect(told).toContain('The source is translated (SNAT)')
    expect(told).toContain('Connection tracking translates the answer back')
    expect(told.at(-1)).toBe('The answer is back')
  })

  test('names the chain that stopped it', () => {
    const walk = exampleWalk('policy')
    expect(
      framesOf(walk)
        .map(frame => narrationOf(frame, walk, en.walk).title)
        .at(-1),
    ).toBe('Stopped in ip filter FORWARD')
  })

  test('tells of a refusal by this host as of that, and not as of an answer', () => {
    const { story } = exampleWalk('policy')
    const told = exampleWalk('unpublished').story.events.filter(({ packet }) => packet === 'reply')
    const refused = { ...story, events: [...story.events, ...told] }
    const titles = framesOf({ story: refused }).map(
      frame => narrationOf(frame, { story: refused }, en.walk).title,
    )
    expect(titles).toContain('Stopped in ip filter FORWARD')
    expect(titles).toContain('This host tells the sender that it was refused')
    expect(titles.at(-1)).toBe('Its sender was told')
    expect(titles).not.toContain('This host took it for its own')
  })

  test('shows what is hidden in names', () => {
    const walk = exampleWalk('answered')
    const story = { ...walk.story, space: 'a\u001b[31m\u202e<b>' }
    const [title] = framesOf({ story }).map(frame => narrationOf(frame, { story }, en.walk).title)
    expect(title).toContain('a\\x1b[31m\\u{202e}<b>')
  })
})

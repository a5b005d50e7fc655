import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Patience, usualLimits } from './patience.ts'

const { undoneWithin, repairsInFight, pause, longestPause, perMinute } = usualLimits

/** Repairs the table of `web` at these times; returns what was said each time it differed. */
const play = (patience: Patience, times: readonly number[], resource = 'table') =>
  times.map(time => {
    const verdict = patience.verdict('web', [resource], time)
    if (verdict.type === 'repair') patience.repaired('web', [resource], time)
    return verdict
  })

const every = (milliseconds: number, count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => from + index * milliseconds)

describe('a fight', () => {
  test('is the same repair undone so many times in a row, each soon', () => {
    const verdicts = play(new Patience(), every(1000, repairsInFight + 2))
    expect(verdicts.slice(0, repairsInFight).map(({ type }) => type)).toEqual(
      Array(repairsInFight).fill('repair'),
    )
    const at = repairsInFight * 1000
    expect(verdicts[repairsInFight]).toEqual({
      type: 'fight',
      over: 'table',
      repairs: repairsInFight,
      until: at + pause,
    })
    expect(verdicts[repairsInFight + 1]).toEqual({ type: 'paused', until: at + pause })
  })

  test('is none when each repair holds for a while', () => {
    const verdicts = play(new Patience(), every(undoneWithin + 1, 100))
    expect(new Set(verdicts.map(({ type }) => type))).toEqual(new Set(['repair']))
  })

  test('is none over another thing each time', () => {
    const patience = new Patience()
    for (const time of every(3000, 19))
      expect(play(patience, [time], `thing ${time}`)[0]?.type).toBe('repair')
  })

  test('begins anew after the pause, and the next pause is twice as long, an hour at most', () => {
    const patience = new Patience()
    let now = 0
    const pauses = Array.from({ length: 6 }, () => {
      for (;;) {
        const [verdict] = play(patience, [now])
        if (verdict?.type === 'fight') {
          const length = verdict.until - now
          now = verdict.until
          return length
        }
        now += 1000
      }
    })
    expect(pauses).toEqual([pause, 2 * pause, 4 * pause, 8 * pause, longestPause, longestPause])
  })

  test('over one space says nothing of another, and is forgotten when asked', () => {
    const patience = new Patience()
    play(patience, every(1000, repairsInFight + 1))
    expect(patience.verdict('db', ['table'], 6000).type).toBe('repair')
    expect(patience.verdict('web', ['table'], 6000).type).toBe('paused')
    patience.forget('web')
    expect(patience.verdict('web', ['table'], 6000).type).toBe('repair')
  })
})

test('whatever changes, and however often, a space is repaired at most so many times within any minute', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ pause: fc.integer({ min: 0, max: 5000 }), thing: fc.integer({ min: 0, max: 3 }) }),
        {
          maxLength: 300,
        },
      ),
      steps => {
        const patience = new Patience()
        const repairs: number[] = []
        let now = 0
        for (const step of steps) {
          now += step.pause
          if (patience.verdict('web', [`${step.thing}`], now).type !== 'repair') continue
          patience.repaired('web', [`${step.thing}`], now)
          repairs.push(now)
        }
        for (const time of repairs)
          expect(repairs.filter(other => other > time - 60_000 && other <= time).length).toBeLessThanOrEqual(
            perMinute,
          )
      },
    ),
  )
})

test('without limits there are neither fights nor waits', () => {
  const verdicts = play(new Patience({ ...usualLimits, repairsInFight: 0 }), every(10, 1000))
  expect(new Set(verdicts.map(({ type }) => type))).toEqual(new Set(['repair']))
})

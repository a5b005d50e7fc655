import { expect, test } from 'bun:test'
import { timelineText } from '../../src/cli/timeline/timeline.ts'
import { profileOf, readRun } from './stages.ts'

const text = timelineText(
  [
    ['runtime', 2],
    ['comparing', 3],
    ['printing', 3.5],
  ],
  1001,
)

test('what the command does not see itself is added, and the stages make the whole', () => {
  const { stages, total } = readRun(`a warning\n${text}`, 1000, 1006)
  expect([...stages]).toEqual([
    ['started', 1],
    ['runtime', 2],
    ['comparing', 1],
    ['printing', 0.5],
    ['ended', 1.5],
  ])
  expect([...stages.values()].reduce((sum, value) => sum + value, 0)).toBe(total)
})

test('a run without a timeline, or with one of another time, is no run', () => {
  expect(() => readRun('nothing', 1000, 1006)).toThrow(RangeError)
  expect(() => readRun(text, 1002, 1006)).toThrow(RangeError)
  expect(() => readRun(text, 1000, 1004)).toThrow(RangeError)
})

test('each stage has the median of its own, and the sum is theirs', () => {
  const run = (one: number, other: number | undefined, total: number) => ({
    stages: new Map([['one', one], ...(other === undefined ? [] : [['other', other] as const])]),
    total,
  })
  const { stages, sum, total } = profileOf([run(1, 5, 6), run(2, undefined, 2), run(9, 6, 15)])
  expect([...stages]).toEqual([
    ['one', 2],
    ['other', 5],
  ])
  expect(sum).toBe(7)
  expect(total).toBe(6)
  expect(() => profileOf([])).toThrow(RangeError)
})

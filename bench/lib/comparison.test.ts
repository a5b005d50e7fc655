import { expect, test } from 'bun:test'
import { compare } from './comparison.ts'

const times = new Map([
  ['ours', [10, 20, 12]],
  ['theirs', [40, 80, 40]],
])

test('a row tells the ratio round by round, and whether its budget is kept', () => {
  const [row] = compare(times, [{ name: 'theirs', what: '', against: 'ours', budget: 0.25 }])
  expect(row).toEqual({
    name: 'theirs',
    what: '',
    rounds: 3,
    median: 40,
    min: 40,
    max: 80,
    ratio: 0.25,
    budget: 0.25,
    met: true,
  })
  const [tight] = compare(times, [{ name: 'theirs', what: '', against: 'ours', budget: 0.2 }])
  expect(tight?.met).toBe(false)
})

test('what was not timed has no row, and no ratio to it', () => {
  expect(compare(times, [{ name: 'absent', what: '' }])).toEqual([])
  const [row] = compare(times, [{ name: 'theirs', what: '', against: 'absent', budget: 1 }])
  expect(row).not.toHaveProperty('ratio')
  expect(row).not.toHaveProperty('met')
})

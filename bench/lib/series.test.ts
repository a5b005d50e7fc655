import { expect, test } from 'bun:test'
import { digits, growth, medianAt, note, spread } from './series.ts'

test('figures are kept by count, and told by their median and how far they reach', () => {
  const series = new Map<number, number[]>()
  for (const figure of [3, 1, 2]) note(series, 10, figure)
  note(series, 1000, 250)
  expect(medianAt(series, 10)).toBe(2)
  expect(medianAt(series, 100)).toBeUndefined()
  expect(growth(series, 1000, 10)).toBe(125)
  expect(growth(series, 100, 10)).toBeUndefined()
  expect(spread(series.get(10))).toBe('2.00 (1.00–3.00)')
  expect(spread(series.get(1000))).toBe('250')
  expect(spread(undefined)).toBe('')
})

test('digits: three of them, and no fraction of large numbers', () => {
  expect([0.1234, 9.999, 99.94, 100.4, 12345.6].map(digits)).toEqual([
    '0.123',
    '10.0',
    '99.9',
    '100',
    '12,346',
  ])
})

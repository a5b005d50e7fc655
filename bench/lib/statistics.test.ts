import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { median, pairedRatio } from './statistics.ts'

const times = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 41 })

test('the median has as many values at or below it as at or above it', () => {
  fc.assert(
    fc.property(times, values => {
      const middle = median(values)
      const atMost = values.filter(value => value <= middle).length
      const atLeast = values.filter(value => value >= middle).length
      expect(Math.min(atMost, atLeast)).toBeGreaterThanOrEqual(values.length / 2)
    }),
  )
})

test('the median of an even number of values lies between the two in the middle', () => {
  expect(median([9, 1, 3, 5])).toBe(4)
})

test('a machine that slows down leaves the paired ratio as it is', () => {
  const drift = fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(drift, rounds => {
      const ours = rounds.map(([slowness]) => 10 * slowness)
      const theirs = rounds.map(([slowness]) => 40 * slowness)
      expect(pairedRatio(ours, theirs)).toBeCloseTo(0.25)
    }),
  )
})

test('values without a partner are refused', () => {
  expect(() => pairedRatio([1, 2], [1])).toThrow('Unpaired')
  expect(() => median([])).toThrow(RangeError)
})

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { windowOf } from './window.ts'

test('of a long list only what is in sight is drawn', () => {
  const view = { rowHeight: 50, viewHeight: 400 }
  expect(windowOf(10_000, 5000, view)).toEqual({ first: 97, count: 14, above: 4850, height: 500_000 })
  expect(windowOf(0, 0, view)).toEqual({ first: 0, count: 0, above: 0, height: 0 })
  // The list has become shorter than what was scrolled.
  expect(windowOf(8, 5000, view)).toMatchObject({ first: 0, count: 8 })
})

test('all that is in sight is drawn, and never more rows than a screen has, and six', () => {
  fc.assert(
    fc.property(fc.nat(20_000), fc.nat(1_000_000), (rows, scrolled) => {
      const { first, count } = windowOf(rows, scrolled, { rowHeight: 56, viewHeight: 300 })
      expect(count).toBeLessThanOrEqual(Math.ceil(300 / 56) + 7)
      expect(first + count).toBeLessThanOrEqual(rows)
      const top = Math.min(scrolled, Math.max(0, rows * 56 - 300))
      expect(first * 56).toBeLessThanOrEqual(top)
      expect((first + count) * 56).toBeGreaterThanOrEqual(Math.min(rows * 56, top + 300))
    }),
  )
})

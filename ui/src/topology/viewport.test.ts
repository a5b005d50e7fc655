import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { begun, fit, panned, revealed, type Viewport, zoomed } from './viewport.ts'

const drawing = { width: 800, height: 400 }
const size = fc.record({
  width: fc.integer({ min: 100, max: 4000 }),
  height: fc.integer({ min: 100, max: 3000 }),
})
const view: fc.Arbitrary<Viewport> = fc.record({
  x: fc.integer({ min: -500, max: 900 }),
  y: fc.integer({ min: -500, max: 900 }),
  scale: fc.double({ min: 0.2, max: 4, noNaN: true }),
})

test('the whole drawing is seen after a fit', () => {
  fc.assert(
    fc.property(size, size, (drawn, window) => {
      const { x, y, scale } = fit(drawn, window, 3)
      // What is too large for the smallest scale cannot be.
      fc.pre(scale > 0.1)
      expect(x).toBeLessThanOrEqual(0.001)
      expect(y).toBeLessThanOrEqual(0.001)
      expect(x + window.width / scale).toBeGreaterThanOrEqual(drawn.width - 0.001)
      expect(y + window.height / scale).toBeGreaterThanOrEqual(drawn.height - 0.001)
    }),
  )
})

test('what cannot be read as a whole is begun at its corner', () => {
  const window = { width: 400, height: 300 }
  expect(begun(drawing, window, 1)).toEqual({ scale: 1, x: 0, y: 0 })
  expect(begun(drawing, window, 0.5)).toEqual({ scale: 0.5, x: 0, y: -100 })
})

test('what is under the pointer stays there while zooming', () => {
  fc.assert(
    fc.property(view, fc.double({ min: 0.5, max: 2, noNaN: true }), (before, factor) => {
      const at = { x: 120, y: 80 }
      const after = zoomed(before, factor, at)
      expect(after.x + at.x / after.scale).toBeCloseTo(before.x + at.x / before.scale, 6)
      expect(after.y + at.y / after.scale).toBeCloseTo(before.y + at.y / before.scale, 6)
    }),
  )
})

test('however far it is moved, some of the drawing can be seen', () => {
  fc.assert(
    fc.property(view, fc.integer(), fc.integer(), (before, x, y) => {
      const window = { width: 500, height: 300 }
      const after = panned(before, { x, y }, drawing, window)
      expect(after.x).toBeLessThan(drawing.width)
      expect(after.x + window.width / after.scale).toBeGreaterThan(0)
      expect(after.y).toBeLessThan(drawing.height)
      expect(after.y + window.height / after.scale).toBeGreaterThan(0)
    }),
  )
})

test('what is seen is not moved to be seen', () => {
  const window = { width: 500, height: 300 }
  const at: Viewport = { x: 0, y: 0, scale: 1 }
  expect(revealed(at, { x: 50, y: 50, width: 100, height: 50 }, window)).toEqual(at)
  const after = revealed(at, { x: 600, y: 50, width: 100, height: 50 }, window)
  expect(after).toEqual({ x: 212, y: 0, scale: 1 })
})

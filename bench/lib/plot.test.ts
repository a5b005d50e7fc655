import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { plotSvg } from './plot.ts'

const positive = fc.double({ min: 0.001, max: 1e6, noNaN: true })

test('every point lies within the axes, whatever the values are', () => {
  const line = fc.array(fc.tuple(positive, positive), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), lines => {
      const svg = plotSvg({
        title: 't',
        horizontal: 'x',
        vertical: 'y',
        lines: lines.map((points, at) => ({ label: `l${at}`, points })),
      })
      const circles = [...svg.matchAll(/<circle cx="([-\d.]+)" cy="([-\d.]+)"/g)]
      expect(circles.length).toBe(lines.flat().length)
      for (const [, cx, cy] of circles) {
        expect(Number(cx)).toBeWithin(69.9, 530.2)
        expect(Number(cy)).toBeWithin(49.9, 370.2)
      }
    }),
  )
})

test('labels are text, not markup', () => {
  const svg = plotSvg({
    title: '<b>',
    horizontal: '&',
    vertical: '"',
    lines: [{ label: '<script>', points: [[1, 1]] }],
  })
  expect(svg).not.toContain('<script>')
  expect(svg).toContain('&lt;script&gt;')
})

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { labelHeights, plotSvg } from './plot.ts'

const positive = fc.double({ min: 0.001, max: 1e6, noNaN: true })

test('every point lies within the axes, whatever the values are', () => {
  const line = fc.array(fc.tuple(positive, positive), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), lines => {
      const svg = plotSvg({
        title: 't',
        horizontal: 'x',
        vertical: 'y',
        lines: lines.map((points, at) => ({ label: `l${at}`, points })),
      })
      const paths = [...svg.matchAll(/<path class="p" d="([^"]*)"/g)].map(([, path = '']) => path)
      const points = paths.flatMap(path => [...path.matchAll(/[ML]([-\d.]+) ([-\d.]+)/g)])
      expect(points.length).toBe(lines.flat().length)
      expect(svg.match(/class="m"/g)?.length).toBe(points.length)
      for (const [, x, y] of points) {
        expect(Number(x)).toBeWithin(69.9, 570.2)
        expect(Number(y)).toBeWithin(49.9, 390.2)
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

test('it says in words what it shows', () => {
  const svg = plotSvg({
    title: 'Cost',
    horizontal: 'spaces',
    vertical: 'ms',
    lines: [
      {
        label: 'natspace',
        points: [
          [1, 24.31],
          [5000, 612],
        ],
      },
    ],
  })
  expect(svg).toContain('<title id="title">Cost</title>')
  expect(svg).toContain('natspace: 24 ms at 1 spaces, 612 ms at 5,000 spaces.')
  expect(svg).toContain('aria-labelledby="title description"')
})

test('no label lies on another, nor beyond the axes', () => {
  const wanted = fc.array(fc.double({ min: 50, max: 390, noNaN: true }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(wanted, list => {
      const found = labelHeights(list).sort((a, b) => a - b)
      for (const [at, height] of found.entries()) {
        expect(height).toBeWithin(49.9, 390.1)
        if (at > 0) expect(height - (found[at - 1] ?? 0)).toBeGreaterThan(15.9)
      }
    }),
  )
})

/** Of WCAG 2: from 1 to 21. */
const contrast = (a: string, b: string): number => {
  const luminance = (colour: string): number =>
    [1, 3, 5]
      .map(at => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map(value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .reduce((sum, value, at) => sum + value * ([0.2126, 0.7152, 0.0722][at] ?? 0), 0)
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (light + 0.05) / (dark + 0.05)
}

test('every colour can be read, on a light ground and on a dark one', () => {
  const svg = plotSvg({
    title: 't',
    horizontal: 'x',
    vertical: 'y',
    lines: [{ label: 'l', points: [[1, 1]] }],
  })
  const [light = '', dark = ''] = (/<style>(.*)<\/style>/.exec(svg)?.[1] ?? '').split('@media')
  for (const rules of [light, dark]) {
    const ground = /\.ground\{fill:(#\w{6})/.exec(rules)?.[1] ?? ''
    const colours = [...rules.matchAll(/(?:\.l\d\{stroke|text\{fill):(#\w{6})/g)].map(
      ([, colour = '']) => colour,
    )
    expect(colours.length).toBeGreaterThan(6)
    for (const colour of colours) expect(contrast(ground, colour)).toBeGreaterThan(4.5)
  }
})

/** Points, boxes and the curves between them, in the units of the drawing. All pure. */
export type Point = { x: number; y: number }

/** `x` and `y` are those of the upper left corner. */
export type Box = { x: number; y: number; width: number; height: number }

/** Which way the drawing runs: spaces at the left and the LAN at the right, or from top to bottom. */
export type Direction = 'right' | 'down'

/** The box around all of these; nothing around nothing. */
export function around(boxes: readonly Box[]): Box {
  if (boxes.length === 0) return { x: 0, y: 0, width: 0, height: 0 }
  const left = Math.min(...boxes.map(({ x }) => x))
  const top = Math.min(...boxes.map(({ y }) => y))
  return {
    x: left,
    y: top,
    width: Math.max(...boxes.map(({ x, width }) => x + width)) - left,
    height: Math.max(...boxes.map(({ y, height }) => y + height)) - top,
  }
}

type Cubic = [Point, Point, Point, Point]

/** Curves through the points that leave and enter each along the drawing's direction. */
const cubics = (points: readonly Point[], direction: Direction): Cubic[] =>
  points.slice(1).map((to, index): Cubic => {
    const from = points[index] ?? to
    if (direction === 'right') {
      const bend = (to.x - from.x) / 2
      return [from, { x: from.x + bend, y: from.y }, { x: to.x - bend, y: to.y }, to]
    }
    const bend = (to.y - from.y) / 2
    return [from, { x: from.x, y: from.y + bend }, { x: to.x, y: to.y - bend }, to]
  })

const short = (value: number): number => Math.round(value * 10) / 10
const pair = ({ x, y }: Point): string => `${short(x)} ${short(y)}`

/** The path through the points, as SVG writes it. */
export const pathThrough = (points: readonly Point[], direction: Direction): string =>
  [
    `M${pair(points[0] ?? { x: 0, y: 0 })}`,
    ...cubics(points, direction).map(([, b, c, d]) => `C${pair(b)} ${pair(c)} ${pair(d)}`),
  ].join('')

/** Where one is on that path after this part of it, from 0 to 1. */
export function pointOn(points: readonly Point[], direction: Direction, at: number): Point {
  const pieces = cubics(points, direction)
  const clamped = Math.min(1, Math.max(0, at)) * pieces.length
  const index = Math.min(pieces.length - 1, Math.floor(clamped))
  const piece = pieces[index]
  if (piece === undefined) return points[0] ?? { x: 0, y: 0 }
  const t = clamped - index
  const weights = [(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t ** 2, t ** 3]
  return piece.reduce(
    (sum, point, order) => ({
      x: sum.x + point.x * (weights[order] ?? 0),
      y: sum.y + point.y * (weights[order] ?? 0),
    }),
    { x: 0, y: 0 },
  )
}

/** Which part of the drawing is seen, and how large. All pure: each move gives the viewport after it. */
import type { Box, Point } from './geometry.ts'

/** `x` and `y` are the drawing's point at the upper left corner; `scale` is pixels for one unit. */
export type Viewport = { x: number; y: number; scale: number }
export type Size = { width: number; height: number }

const smallest = 0.1
const largest = 6

/** The whole drawing in the middle, as large as there is room, and not larger than `most`. */
export function fit(drawing: Size, window: Size, most: number): Viewport {
  const { width, height } = drawing
  if (width <= 0 || height <= 0 || window.width <= 0 || window.height <= 0) return { x: 0, y: 0, scale: 1 }
  const scale = Math.max(smallest, Math.min(most, window.width / width, window.height / height))
  return { scale, x: (width - window.width / scale) / 2, y: (height - window.height / scale) / 2 }
}

/** The drawing at this scale from its upper left corner on; in the middle where it is smaller than the window. */
export const begun = (drawing: Size, window: Size, scale: number): Viewport => ({
  scale,
  x: Math.min(0, (drawing.width - window.width / scale) / 2),
  y: Math.min(0, (drawing.height - window.height / scale) / 2),
})

/** Larger (factor above 1) or smaller; the drawing's point at this place of the window stays where it is. */
export function zoomed({ x, y, scale }: Viewport, factor: number, at: Point): Viewport {
  const next = Math.min(largest, Math.max(smallest, scale * factor))
  return { scale: next, x: x + at.x / scale - at.x / next, y: y + at.y / scale - at.y / next }
}

/** Moved so that the drawing goes this many pixels right and down. The drawing never leaves the window altogether. */
export function panned(view: Viewport, by: Point, drawing: Size, window: Size): Viewport {
  const { scale } = view
  const reach = 60 / scale
  const within = (value: number, size: number, room: number): number =>
    Math.min(size - reach, Math.max(reach - room / scale, value))
  return {
    scale,
    x: within(view.x - by.x / scale, drawing.width, window.width),
    y: within(view.y - by.y / scale, drawing.height, window.height),
  }
}

/** Moved as little as needed for this box to be seen. */
export function revealed(view: Viewport, box: Box, window: Size): Viewport {
  const pad = 12 / view.scale
  const along = (from: number, start: number, length: number, room: number): number => {
    if (start - pad < from) return start - pad
    const end = start + length + pad
    return end > from + room ? Math.min(start - pad, end - room) : from
  }
  return {
    scale: view.scale,
    x: along(view.x, box.x, box.width, window.width / view.scale),
    y: along(view.y, box.y, box.height, window.height / view.scale),
  }
}

import { type Colour, lookOf, type Role } from './roles.ts'
import type { Scene, Shape } from './scene.ts'

/** The colours of a theme, and its fonts, as they are written to the file. */
export type Palette = { colours: Record<Colour, string>; sans: string; mono: string }

/** Text as XML writes it, without what XML 1.0 cannot hold. */
export const xml = (text: string): string =>
  text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)

const attributes = (values: Record<string, string | number | undefined>): string =>
  Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${xml(String(value))}"`]))
    .join('')

const short = (value: number): number => Math.round(value * 100) / 100

/**
 * The picture as a file that needs nothing else: every colour and font stands as an attribute on the shape, so that it
 * looks the same in a document as here, and holds neither script nor style sheet. Pure.
 */
export function svgOf(scene: Scene, palette: Palette, title: string): string {
  const { width, height, chassis, wires, items, pills } = scene
  const looks = (role: Role): Record<string, string | number | undefined> => {
    const look = lookOf(role)
    const colour = (name: Colour | undefined): string | undefined =>
      name === undefined ? undefined : palette.colours[name]
    return {
      fill: colour(look.fill) ?? 'none',
      stroke: colour(look.stroke),
      'stroke-width': look.stroke === undefined ? undefined : (look.width ?? 1),
      'stroke-dasharray': look.dash,
      'stroke-linecap': look.cap,
      'font-family': look.font === undefined ? undefined : palette[look.font],
      'font-size': look.size,
      'font-weight': look.weight,
    }
  }
  const drawn = (shape: Shape): string => {
    const look = looks(shape.role)
    switch (shape.shape) {
      case 'box': {
        const { x, y, width, height, radius } = shape
        const place = { x: short(x), y: short(y), width: short(width), height: short(height), rx: radius }
        return `<rect${attributes({ ...place, ...look })}/>`
      }
      case 'line':
        return `<path${attributes({ d: shape.path, ...look })}/>`
      case 'dot':
        return `<circle${attributes({ cx: short(shape.x), cy: short(shape.y), r: shape.radius, ...look })}/>`
      case 'text': {
        const place = { x: short(shape.x), y: short(shape.y), 'text-anchor': shape.anchor, dy: '0.35em' }
        return `<text${attributes({ ...place, ...look })}>${xml(shape.text)}</text>`
      }
    }
  }
  const groups = [...chassis, ...wires, ...items, ...pills].map(
    ({ id, shapes }) => `<g id="${xml(id)}">${shapes.map(drawn).join('')}</g>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${short(width)} ${short(height)}" width="${short(width)}" height="${short(height)}" role="img">`,
    `<title>${xml(title)}</title>`,
    `<rect width="100%" height="100%" fill="${xml(palette.colours.paper)}"/>`,
    ...groups,
    '</svg>',
    '',
  ].join('\n')
}

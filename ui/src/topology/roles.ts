/**
 * How each kind of shape looks. One table for the screen and for the exported file: on the screen a colour is the custom
 * property of the theme, in the file its value.
 */
export type Colour =
  | 'paper'
  | 'panel'
  | 'raised'
  | 'sunk'
  | 'ink'
  | 'ink-2'
  | 'ink-3'
  | 'line'
  | 'line-strong'
  | 'accent'
  | 'accent-ink'
  | 'accent-soft'
  | 'ok'
  | 'ok-soft'
  | 'warn'
  | 'warn-soft'
  | 'bad'
  | 'bad-soft'

export type Look = {
  fill?: Colour
  stroke?: Colour
  width?: number
  dash?: string
  font?: 'sans' | 'mono'
  size?: number
  weight?: number
  cap?: 'round'
}

const text = (fill: Colour, font: 'sans' | 'mono', size: number, weight = 400): Look => ({
  fill,
  font,
  size,
  weight,
})

export const looks = {
  chassis: { fill: 'panel', stroke: 'line-strong', width: 1.25 },
  card: { fill: 'raised', stroke: 'line-strong', width: 1.25 },
  'card-bad': { fill: 'raised', stroke: 'bad', width: 1.75 },
  'card-active': { fill: 'accent-soft', stroke: 'accent', width: 2 },
  plate: { fill: 'sunk', stroke: 'line', width: 1 },
  jack: { fill: 'raised', stroke: 'line-strong', width: 1 },
  'jack-active': { fill: 'accent-soft', stroke: 'accent', width: 1.75 },
  strip: { fill: 'sunk' },
  lan: { fill: 'paper', stroke: 'line-strong', width: 1.25 },
  foreign: { fill: 'panel', stroke: 'line-strong', width: 1, dash: '4 3' },
  port: { fill: 'accent-soft', stroke: 'accent', width: 1 },
  'port-shut': { fill: 'panel', stroke: 'line-strong', width: 1, dash: '3 3' },
  socket: { fill: 'accent', stroke: 'raised', width: 1.5 },
  'socket-off': { fill: 'ink-3', stroke: 'raised', width: 1.5 },
  cable: { stroke: 'accent', width: 2.5, cap: 'round' },
  'cable-active': { stroke: 'accent', width: 5, cap: 'round' },
  'cable-down': { stroke: 'bad', width: 2, dash: '2 6', cap: 'round' },
  wire: { stroke: 'line-strong', width: 1.75, cap: 'round' },
  'wire-active': { stroke: 'accent', width: 4, cap: 'round' },
  inside: { stroke: 'line-strong', width: 1, cap: 'round' },
  'inside-port': { stroke: 'accent', width: 1, dash: '1 4', cap: 'round' },
  pill: { fill: 'paper', stroke: 'line', width: 1 },
  name: text('ink', 'sans', 15, 650),
  'name-foreign': text('ink-3', 'sans', 13, 600),
  plain: text('ink-2', 'sans', 12),
  interface: text('ink', 'mono', 12.5, 600),
  address: text('ink-2', 'mono', 12.5),
  faint: text('ink-3', 'mono', 12),
  rate: text('ink-2', 'mono', 11, 500),
  'port-text': text('accent', 'mono', 12, 600),
  'port-text-shut': text('ink-3', 'mono', 12, 600),
  healthy: { fill: 'ok' },
  drifted: { fill: 'bad' },
  unknown: { stroke: 'ink-3', width: 2 },
  badge: { fill: 'bad-soft' },
  'badge-text': text('bad', 'sans', 11, 700),
} as const satisfies Record<string, Look>

export type Role = keyof typeof looks

export const lookOf = (role: Role): Look => looks[role]

/** The same as CSS over the theme's custom properties. */
export function styleOf(role: Role): string {
  const look = lookOf(role)
  const rules = [`fill:${look.fill === undefined ? 'none' : `var(--${look.fill})`}`]
  if (look.stroke !== undefined) rules.push(`stroke:var(--${look.stroke})`, `stroke-width:${look.width ?? 1}`)
  if (look.dash !== undefined) rules.push(`stroke-dasharray:${look.dash}`)
  if (look.cap !== undefined) rules.push(`stroke-linecap:${look.cap}`)
  if (look.font !== undefined)
    rules.push(`font:${look.weight ?? 400} ${look.size ?? 12}px var(--${look.font})`)
  return rules.join(';')
}

/** The colours that the table needs. */
export const colours: readonly Colour[] = [
  ...new Set(Object.values(looks).flatMap((look: Look) => [look.fill ?? [], look.stroke ?? []].flat())),
  'paper',
]

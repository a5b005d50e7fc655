/**
 * The picture as shapes: what the screen shows and what is exported are both made of these, so that they cannot differ.
 * All pure.
 */
import type { TopologyNode } from '../../../src/server/protocol.ts'
import { shown } from '../text-safety.ts'
import { isOpen } from './cards.ts'
import { type Box, type Direction, type Point, pathThrough, pointOn } from './geometry.ts'
import type { Item, Layout, Wire } from './layout.ts'
import { widthOf } from './measure.ts'
import type { Role } from './roles.ts'

export type Shape =
  | ({ shape: 'box'; role: Role; radius: number } & Box)
  | { shape: 'line'; role: Role; path: string }
  | { shape: 'dot'; role: Role; x: number; y: number; radius: number }
  | { shape: 'text'; role: Role; x: number; y: number; text: string; anchor: 'start' | 'middle' | 'end' }

/** Shapes that belong together: one node, one port, one line. */
export type Part = { id: string; box: Box; shapes: Shape[]; item?: Item; wire?: Wire }

export type Scene = {
  width: number
  height: number
  direction: Direction
  /** From back to front. */
  chassis: Part[]
  wires: Part[]
  items: Part[]
  /** Traffic, on the cables. */
  pills: Part[]
}

/** What stands out. Ids of nodes and edges of the topology; `host` is the host with its plate and inner lines. */
export type Highlight = { nodes?: readonly string[]; edges?: readonly string[] }

export type SceneOptions = {
  highlight?: Highlight
  /** Texts such as '12/s', by edge. */
  traffic?: Readonly<Record<string, string>>
}

/** Everything that is drawn for a layout. */
export function sceneOf(layout: Layout, { highlight = {}, traffic = {} }: SceneOptions = {}): Scene {
  const { width, height, direction, host, items, wires } = layout
  const active = new Set([...(highlight.nodes ?? []), ...(highlight.edges ?? [])])
  return {
    width,
    height,
    direction,
    chassis:
      host === undefined
        ? []
        : [
            {
              id: 'host',
              box: host,
              shapes: [box(host, active.has('host') ? 'card-active' : 'chassis', 12)],
            },
          ],
    wires: wires.map(wire => wirePart(wire, direction, active)),
    items: items.map(item => ({
      id: item.id,
      box: { x: item.x, y: item.y, width: item.width, height: item.height },
      item,
      shapes: itemShapes(item, active, direction),
    })),
    pills: wires.flatMap(wire => pillPart(wire, direction, traffic[wire.id])),
  }
}

const box = ({ x, y, width, height }: Box, role: Role, radius: number): Shape => ({
  shape: 'box',
  role,
  radius,
  x,
  y,
  width,
  height,
})

const roleOfWire = ({ kind, up }: Wire, isActive: boolean): Role => {
  if (kind === 'inside-port') return 'inside-port'
  if (kind === 'inside') return isActive ? 'wire-active' : 'inside'
  if (kind === 'cable') return isActive ? 'cable-active' : up ? 'cable' : 'cable-down'
  return isActive ? 'wire-active' : up ? 'wire' : 'cable-down'
}

function wirePart(wire: Wire, direction: Direction, active: ReadonlySet<string>): Part {
  const isActive = active.has(wire.id)
  const shapes: Shape[] = [
    { shape: 'line', role: roleOfWire(wire, isActive), path: pathThrough(wire.points, direction) },
  ]
  if (wire.kind === 'cable')
    for (const { x, y } of [wire.points[0], wire.points.at(-1)].filter(point => point !== undefined))
      shapes.push({ shape: 'dot', role: wire.up ? 'socket' : 'socket-off', x, y, radius: 5 })
  const [first = { x: 0, y: 0 }] = wire.points
  return { id: wire.id, box: { ...first, width: 0, height: 0 }, shapes, wire }
}

function pillPart(wire: Wire, direction: Direction, text: string | undefined): Part[] {
  if (text === undefined || text === '') return []
  const { x, y } = pointOn(wire.points, direction, 0.5)
  const width = widthOf(text, 11, 'mono') + 12
  const place = { x: x - width / 2, y: y - 9, width, height: 18 }
  return [
    {
      id: `pill:${wire.id}`,
      box: place,
      wire,
      shapes: [box(place, 'pill', 9), { shape: 'text', role: 'rate', x, y, text, anchor: 'middle' }],
    },
  ]
}

/** Cards of which the text stands in the middle. */
const centred = new Set<Item['kind']>(['plate', 'lan', 'port'])

function itemShapes(item: Item, active: ReadonlySet<string>, direction: Direction): Shape[] {
  const { x, y, width, height, strip, rows, kind, node } = item
  const shapes: Shape[] = [box(item, roleOfItem(item, active), radiusOf[kind])]
  if (strip !== undefined && strip > 0)
    shapes.push(box({ x: x + 1.5, y: y + strip, width: width - 3, height: height - strip - 1.5 }, 'strip', 6))
  const middle = centred.has(kind) || direction === 'down'
  // An evened card is higher than its rows need.
  const last = rows.at(-1)
  const first = rows[0]
  const spare = first === undefined || last === undefined ? 0 : (height - (last.y + first.y)) / 2
  for (const { text, role, y: at } of rows) {
    const anchor = middle && kind !== 'space' && kind !== 'neighbour' ? 'middle' : 'start'
    const left = anchor === 'middle' ? x + width / 2 : x + 12
    shapes.push({ shape: 'text', role, x: left, y: y + at + (strip === undefined ? spare : 0), text, anchor })
  }
  if (node !== undefined && kind === 'space') shapes.push(...healthShapes(node, item))
  return shapes
}

const radiusOf: Record<Item['kind'], number> = {
  space: 8,
  neighbour: 8,
  lan: 16,
  uplink: 5,
  foreign: 5,
  jack: 5,
  port: 5,
  plate: 8,
}

function roleOfItem(item: Item, active: ReadonlySet<string>): Role {
  const { kind, id, node, port, edge } = item
  switch (kind) {
    case 'space':
    case 'neighbour':
      if (active.has(id)) return 'card-active'
      return node?.health === 'drifted' ? 'card-bad' : 'card'
    case 'lan':
      return active.has(id) ? 'jack-active' : 'lan'
    case 'foreign':
      return active.has(id) ? 'jack-active' : 'foreign'
    case 'port':
      return active.has(id) ? 'jack-active' : port !== undefined && isOpen(port) ? 'port' : 'port-shut'
    case 'plate':
      return active.has('host') ? 'jack-active' : 'plate'
    default:
      return active.has(id) || active.has(`jack:${edge?.id}`) ? 'jack-active' : 'jack'
  }
}

/** Health as a dot, a diamond or a ring: never by colour alone. Findings as their number. */
function healthShapes(node: TopologyNode, { x, y, width }: Item): Shape[] {
  const at: Point = { x: x + width - 16, y: y + 21 }
  const shapes: Shape[] = []
  if (node.health === 'healthy') shapes.push({ shape: 'dot', role: 'healthy', ...at, radius: 5 })
  if (node.health === 'unknown') shapes.push({ shape: 'dot', role: 'unknown', ...at, radius: 4 })
  if (node.health === 'drifted')
    shapes.push({
      shape: 'line',
      role: 'drifted',
      path: `M${at.x} ${at.y - 7}L${at.x + 7} ${at.y}L${at.x} ${at.y + 7}L${at.x - 7} ${at.y}Z`,
    })
  if ((node.findings ?? 0) > 0) {
    const text = shown(String(node.findings))
    const room = widthOf(text, 11, 'sans', 700) + 12
    const left = at.x - 12 - room
    shapes.push(box({ x: left, y: at.y - 9, width: room, height: 18 }, 'badge', 9))
    shapes.push({ shape: 'text', role: 'badge-text', x: left + room / 2, y: at.y, text, anchor: 'middle' })
  }
  return shapes
}

/** Where a token is that has gone this part of the way along an edge, from its `from` to its `to`. */
export function tokenAt(layout: Layout, edge: string, at: number): Point | undefined {
  const wire = layout.wires.find(({ id }) => id === edge)
  return wire === undefined ? undefined : pointOn(wire.points, layout.direction, at)
}

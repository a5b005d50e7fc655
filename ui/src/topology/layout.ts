/**
 * Where everything in the picture stands. Theory of operation: the host is a chassis. The host's end of each cable is a
 * jack at one edge of it, the ways out and published ports are at the opposite edge, and its plate is in between. dagre puts
 * the ranks in order and keeps cables from crossing; then the jacks are drawn out to the edges, so that the chassis is a
 * box, and each cable is led from end to end.
 */
import { layout as dagre, Graph } from '@dagrejs/dagre'
import type { Topology, TopologyEdge } from '../../../src/server/protocol.ts'
import { type Card, jackCard, nodeCard, plateCard, portCard } from './cards.ts'
import { around, type Box, type Direction, type Point } from './geometry.ts'

export type Item = Card & Box

export type WireKind = TopologyEdge['kind'] | 'inside' | 'inside-port'

/** A line between two items. What belongs to no edge of the topology is inside the host. */
export type Wire = {
  id: string
  kind: WireKind
  from: string
  to: string
  up: boolean
  points: Point[]
  edge?: TopologyEdge
}

export type Layout = {
  direction: Direction
  width: number
  height: number
  /** The chassis. */
  host?: Box
  items: Item[]
  wires: Wire[]
}

export type LayoutOptions = {
  direction: Direction
  /** What the host does with packets, for its plate. */
  words?: readonly string[]
}

const margin = 16
const chassisPad = 14
const inHost = new Set<Card['kind']>(['jack', 'plate', 'uplink', 'port', 'foreign'])

type Link = {
  id: string
  kind: WireKind
  from: string
  to: string
  up: boolean
  edge?: TopologyEdge
  drawn: boolean
}

/** Each thing with its size, and each line, before anything has a place. */
function partsOf(topology: Topology, words: readonly string[]): { cards: Card[]; links: Link[] } {
  const host = topology.nodes.find(({ kind }) => kind === 'host')
  const others = topology.nodes.filter(({ kind }) => kind !== 'host')
  const cards = others.map(node => nodeCard(topology, node))
  const links: Link[] = []
  const known = new Set(others.map(({ id }) => id))
  if (host !== undefined) cards.push(plateCard(host, words))
  const inside = (id: string, from: string, to: string, drawn = true): void => {
    if (host !== undefined) links.push({ id: `inside:${id}`, kind: 'inside', from, to, up: true, drawn })
  }
  const jackOf = new Map<string, string>()
  for (const edge of topology.edges) {
    const ends = [edge.from, edge.to].map((id, side) => {
      if (id !== host?.id) return known.has(id) ? id : undefined
      const jack = jackCard(edge, edge.ends[side === 0 ? 0 : 1])
      cards.push(jack)
      inside(jack.id, jack.id, 'plate')
      jackOf.set(side === 0 ? edge.to : edge.from, jack.id)
      return jack.id
    })
    const [from, to] = ends
    if (from === undefined || to === undefined) continue
    links.push({ id: edge.id, kind: edge.kind, from, to, up: edge.up, edge, drawn: true })
  }
  const bridged = new Set(links.filter(({ kind }) => kind === 'bridge-port').map(({ from }) => from))
  for (const { id, kind } of others) {
    if (kind === 'uplink') inside(id, 'plate', id)
    else if (kind === 'foreign' && !bridged.has(id)) inside(id, 'plate', id, false)
  }
  for (const port of topology.ports) {
    const card = portCard(port)
    cards.push(card)
    inside(`rank:${card.id}`, 'plate', card.id, false)
    const from = jackOf.get(`space:${port.space}`)
    if (from !== undefined)
      links.push({ id: `inside:${card.id}`, kind: 'inside-port', from, to: card.id, up: true, drawn: true })
  }
  return { cards, links }
}

/** Those of one edge of the chassis are equally wide (or high, where it stands upright), so that they end in one line. */
function evened(cards: Card[], direction: Direction): void {
  for (const kinds of [['jack'], ['uplink', 'port']]) {
    const group = cards.filter(({ kind }) => kinds.includes(kind))
    if (direction === 'right') {
      const width = Math.max(0, ...group.map(card => card.width))
      for (const card of group) card.width = width
    } else {
      const height = Math.max(0, ...group.map(card => card.height))
      for (const card of group) card.height = height
    }
  }
}

/** Gives every part of a topology its place. Pure, and the same for the same topology. */
export function layoutOf(topology: Topology, { direction, words = [] }: LayoutOptions): Layout {
  const { cards, links } = partsOf(topology, words)
  evened(cards, direction)
  const graph = new Graph({ compound: true, multigraph: true })
  graph.setGraph({
    rankdir: direction === 'right' ? 'LR' : 'TB',
    nodesep: 12,
    edgesep: 10,
    ranksep: direction === 'right' ? 30 : 24,
    ranker: 'network-simplex',
  })
  graph.setDefaultEdgeLabel(() => ({}))
  graph.setNode('host', {})
  for (const card of cards) {
    const { id, kind, width, height } = card
    graph.setNode(id, { width, height: height + lift(card, direction) })
    if (inHost.has(kind)) graph.setParent(id, 'host')
  }
  for (const { id, kind, from, to, edge } of links) {
    // A cable has its traffic written on it, and needs the room.
    const room =
      kind === 'cable' || edge?.counters !== undefined
        ? { width: 76, height: 20, labelpos: 'c' as const }
        : {}
    graph.setEdge(from, to, { ...room, weight: kind === 'inside-port' ? 1 : 2 }, id)
  }
  dagre(graph)
  const items = cards.map((card): Item => {
    const { x = 0, y = 0 } = graph.node(card.id) as Partial<Point>
    return { ...card, x: x - card.width / 2, y: y - (card.height + lift(card, direction)) / 2 }
  })
  sortPorts(items, links, direction)
  const host = chassis(items, direction)
  const place = new Map(items.map(item => [item.id, item]))
  const wires = links.flatMap((link): Wire[] => {
    const from = place.get(link.from)
    const to = place.get(link.to)
    if (!link.drawn || from === undefined || to === undefined) return []
    const { drawn: _, ...rest } = link
    return [{ ...rest, points: [endOf(from, to, direction), endOf(to, from, direction)] }]
  })
  return moved({ direction, width: 0, height: 0, ...(host === undefined ? {} : { host }), items, wires })
}

/** So much is left free below a card, so that its strip, and not its middle, faces the other end of its cable. */
const lift = ({ strip = 0 }: Card, direction: Direction): number => (direction === 'right' ? strip : 0)

/** Published ports in the order of the jacks that they lead to, so that their lines do not cross; dagre mostly sees to it. */
function sortPorts(items: Item[], links: readonly Link[], direction: Direction): void {
  const along = direction === 'right' ? 'y' : 'x'
  const across = direction === 'right' ? 'height' : 'width'
  const place = new Map(items.map(item => [item.id, item]))
  const goal = new Map(
    links
      .filter(({ kind }) => kind === 'inside-port')
      .map(({ from, to }) => [to, place.get(from)?.[along] ?? 0]),
  )
  const ports = items.filter(({ kind }) => kind === 'port')
  // Those that are not equally large cannot change places.
  if (ports.some(port => port[across] !== ports[0]?.[across])) return
  const slots = ports.map(port => port[along]).toSorted((a, b) => a - b)
  const wanted = ports.toSorted(
    (a, b) => (goal.get(a.id) ?? 0) - (goal.get(b.id) ?? 0) || a[along] - b[along],
  )
  for (const [index, port] of wanted.entries()) port[along] = slots[index] ?? port[along]
}

/** Draws jacks and ways out to the edges of the host's box, and gives that box. */
function chassis(items: Item[], direction: Direction): Box | undefined {
  const own = items.filter(({ kind }) => inHost.has(kind))
  if (own.length === 0) return undefined
  const { x, y, width, height } = around(own)
  for (const item of own) {
    // What is not ours does not touch the edge, as nothing leaves by it.
    if (item.kind === 'foreign') item[direction === 'right' ? 'x' : 'y'] -= 10
    const first = item.kind === 'jack'
    if (!first && item.kind !== 'uplink' && item.kind !== 'port') continue
    if (direction === 'right') item.x = first ? x : x + width - item.width
    else item.y = first ? y : y + height - item.height
  }
  return direction === 'right'
    ? { x, y: y - chassisPad, width, height: height + 2 * chassisPad }
    : { x: x - chassisPad, y, width: width + 2 * chassisPad, height }
}

/** Where a line meets an item: the middle of the side that faces the other, at the strip where it has one. */
function endOf(item: Item, other: Item, direction: Direction): Point {
  const strip = item.strip ?? 0
  if (direction === 'right') {
    const y = item.y + (strip + item.height) / 2
    return { x: item.x + item.width / 2 <= other.x + other.width / 2 ? item.x + item.width : item.x, y }
  }
  const x = item.x + item.width / 2
  return { x, y: item.y + item.height / 2 <= other.y + other.height / 2 ? item.y + item.height : item.y }
}

/** The whole with its upper left corner at 0, and a margin. */
function moved(layout: Layout): Layout {
  const { items, wires, host } = layout
  const bends = wires.flatMap(({ points }) => points.map(point => ({ ...point, width: 0, height: 0 })))
  const { x, y, width, height } = around([...items, ...bends, ...(host === undefined ? [] : [host])])
  const shift = <Placed extends Point>(placed: Placed): Placed => ({
    ...placed,
    x: placed.x - x + margin,
    y: placed.y - y + margin,
  })
  return {
    ...layout,
    width: width + 2 * margin,
    height: height + 2 * margin,
    ...(host === undefined ? {} : { host: shift(host) }),
    items: items.map(shift),
    wires: wires.map(wire => ({ ...wire, points: wire.points.map(shift) })),
  }
}

/** What is written on each thing in the drawing, and how large that makes it. All pure. */
import type {
  EdgeEnd,
  Topology,
  TopologyEdge,
  TopologyNode,
  TopologyPort,
} from '../../../src/server/protocol.ts'
import { shown } from '../text-safety.ts'
import { fitted, widthOf } from './measure.ts'
import { lookOf, type Role } from './roles.ts'

export type CardKind = 'space' | 'neighbour' | 'lan' | 'uplink' | 'foreign' | 'jack' | 'port' | 'plate'

/** A row of text; its middle stands `y` below the upper edge. `inStrip` rows tell of the end of a cable. */
export type Row = { text: string; role: Role; y: number; inStrip: boolean }

export type Card = {
  /** That of the node or port; a jack is `jack:` and its edge, the host's plate `plate`. */
  id: string
  kind: CardKind
  rows: Row[]
  width: number
  height: number
  /** Where the strip of the cable's end begins, below the upper edge. */
  strip?: number
  node?: TopologyNode
  port?: TopologyPort
  edge?: TopologyEdge
}

const sidePad = 12
const rowHeight = 18
const longest = 40

type Line = { text: string; role: Role; inStrip?: boolean }

/** Rows below each other; `head` is kept free at the right of the first one, for its badges. */
function rowsOf(
  lines: readonly Line[],
  pad: number,
  head: number,
): Pick<Card, 'rows' | 'width' | 'height' | 'strip'> {
  const rows: Row[] = []
  let y = pad
  let strip: number | undefined
  for (const { text, role, inStrip = false } of lines) {
    if (inStrip && strip === undefined) {
      strip = rows.length === 0 ? 0 : y + pad / 2
      y = strip + pad / 2 + 1
    }
    const height = role === 'name' ? rowHeight + 4 : rowHeight
    rows.push({ text: fitted(shown(text), longest), role, y: y + height / 2, inStrip })
    y += height
  }
  const widths = rows.map(({ text, role }, index) => {
    const { size = 12, font = 'sans', weight = 400 } = lookOf(role)
    return widthOf(text, size, font, weight) + (index === 0 ? head : 0)
  })
  const width = Math.max(0, ...widths) + 2 * sidePad
  return { rows, width, height: y + pad, ...(strip === undefined ? {} : { strip }) }
}

const endLines = ({ interface: name, addresses }: EdgeEnd): Line[] => [
  ...(name === undefined ? [] : [{ text: name, role: 'interface', inStrip: true } as const]),
  ...addresses.map(text => ({ text, role: 'address', inStrip: true }) as const),
]

/** The lines of a node that its cable's end does not tell anyway. */
const ownLines = (node: TopologyNode, end: EdgeEnd | undefined): string[] =>
  node.lines.filter(line => end === undefined || !(end.addresses.includes(line) || end.interface === line))

const endAt = (
  topology: Topology,
  id: string,
  kinds: readonly TopologyEdge['kind'][],
): EdgeEnd | undefined => {
  const edge = topology.edges.find(({ kind, from, to }) => kinds.includes(kind) && (from === id || to === id))
  return edge?.ends[edge.from === id ? 0 : 1]
}

/** The card of a node other than the host. */
export function nodeCard(topology: Topology, node: TopologyNode): Card {
  const { id, kind } = node
  switch (kind) {
    case 'space':
    case 'neighbour': {
      const end = endAt(topology, id, ['cable', 'wire'])
      const own = ownLines(node, end).map(text => ({ text, role: 'plain' }) as const)
      const lines: Line[] = [
        { text: node.name, role: 'name' },
        ...own,
        ...(end === undefined ? [] : endLines(end)),
      ]
      // Health and findings stand at the right of the name.
      return { id, kind, node, ...rowsOf(lines, 10, kind === 'space' ? 52 : 0) }
    }
    case 'uplink': {
      const lines: Line[] = [
        { text: node.name, role: 'interface' },
        ...node.lines.map(text => ({ text, role: 'address' }) as const),
      ]
      return { id, kind, node, ...rowsOf(lines, 7, 0) }
    }
    case 'lan': {
      const lines: Line[] = [
        { text: node.name, role: 'interface' },
        ...node.lines.map(text => ({ text, role: 'faint' }) as const),
      ]
      return { id, kind, node, ...rowsOf(lines, 12, 0) }
    }
    default: {
      const lines: Line[] = [
        { text: node.name, role: 'name-foreign' },
        ...node.lines.map(text => ({ text, role: 'faint' }) as const),
      ]
      return { id, kind: 'foreign', node, ...rowsOf(lines, 7, 0) }
    }
  }
}

/** The end of a cable at the host. */
export const jackCard = (edge: TopologyEdge, end: EdgeEnd): Card => ({
  id: `jack:${edge.id}`,
  kind: 'jack',
  edge,
  ...rowsOf(
    endLines(end).map(line => ({ ...line, inStrip: false })),
    7,
    0,
  ),
})

/** A published port. */
export const portCard = (port: TopologyPort): Card => ({
  id: port.id,
  kind: 'port',
  port,
  ...rowsOf([{ text: port.text, role: isOpen(port) ? 'port-text' : 'port-text-shut' }], 4, 0),
})

/** Whether those outside reach it. */
export const isOpen = ({ reach }: TopologyPort): boolean => reach.lan === 'yes' || reach.lan === 'partly'

/** The host's own plate, in the middle of what belongs to it. */
export const plateCard = (host: TopologyNode, words: readonly string[]): Card => ({
  id: 'plate',
  kind: 'plate',
  node: host,
  ...rowsOf(
    [
      { text: host.name, role: 'name' },
      ...[...host.lines, ...words].map(text => ({ text, role: 'plain' }) as const),
    ],
    10,
    0,
  ),
})

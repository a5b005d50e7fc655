import type { EdgeEnd, Topology, TopologyNode } from '../../../src/server/protocol.ts'
import { shown } from '../text-safety.ts'

/** Mermaid's own escapes: `#quot;`, `#35;`. Whatever could end a quoted text, or begin markup, is written as its number. */
const quoted = (text: string): string =>
  `"${shown(text).replace(/[#&<>"`\\[\]{}()|;]/g, character => `#${character.charCodeAt(0)};`)}"`

const lines = (...texts: string[]): string => texts.map(text => quoted(text).slice(1, -1)).join('<br/>')

const endText = ({ interface: name, addresses }: EdgeEnd): string => [name ?? [], addresses].flat().join(' ')

/** Round for the LAN, square for hosts, slanted for what belongs to others. */
const shapes: Record<TopologyNode['kind'], [string, string]> = {
  host: ['[', ']'],
  space: ['[', ']'],
  uplink: ['[', ']'],
  lan: ['([', '])'],
  foreign: ['[/', '/]'],
  neighbour: ['[', ']'],
}

/** A topology as a Mermaid flowchart, for Markdown. Pure. */
export function mermaidOf(topology: Topology): string {
  const { nodes, edges, ports } = topology
  // Mermaid's ids hold letters and digits alone.
  const ids = new Map(nodes.map(({ id }, index) => [id, `n${index}`]))
  const node = ({ id, kind, name, lines: own }: TopologyNode): string => {
    const [open, close] = shapes[kind]
    return `${ids.get(id)}${open}"${lines(name, ...own)}"${close}`
  }
  const host = nodes.find(({ kind }) => kind === 'host')
  const inside = nodes.filter(({ parent }) => parent !== undefined && parent === host?.id)
  const outside = nodes.filter(item => item !== host && !inside.includes(item))
  const out = ['flowchart LR']
  if (host !== undefined) {
    out.push(`  subgraph chassis[${quoted(host.name)}]`, `    ${node(host)}`)
    out.push(...inside.map(item => `    ${node(item)}`))
    out.push(...ports.map(({ text }, index) => `    p${index}>${quoted(text)}]`), '  end')
  }
  out.push(...outside.map(item => `  ${node(item)}`))
  for (const { from, to, ends, up, kind } of edges) {
    const [a, b] = [ids.get(from), ids.get(to)]
    if (a === undefined || b === undefined) continue
    const label = ends
      .map(endText)
      .filter(Boolean)
      .map(text => lines(text))
      .join(' – ')
    const line = up ? (kind === 'cable' ? '===' : '---') : '-.-'
    out.push(`  ${a} ${line}${label === '' ? '' : `|"${label}"|`} ${b}`)
  }
  if (host !== undefined)
    for (const { id, kind } of inside)
      if (kind === 'uplink') out.push(`  ${ids.get(host.id)} --- ${ids.get(id)}`)
  for (const [index, { space }] of ports.entries()) {
    const to = ids.get(`space:${space}`)
    if (to !== undefined) out.push(`  p${index} -.-> ${to}`)
  }
  return `${out.join('\n')}\n`
}

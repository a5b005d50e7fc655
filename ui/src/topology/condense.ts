import type { Topology } from '../../../src/server/protocol.ts'

/** A topology of which not all spaces are drawn, and how many are not. */
export type Condensed = { topology: Topology; left: number }

/**
 * At most so many spaces: those that have something to tell first, which are the ones that are not healthy, then by
 * name. A drawing of hundreds shows nothing; the table beside it has them all. Pure.
 */
export function condensed(topology: Topology, most: number): Condensed {
  const spaces = topology.nodes.filter(({ kind }) => kind === 'space')
  if (spaces.length <= most) return { topology, left: 0 }
  const weight = (node: (typeof spaces)[number]): number =>
    (node.health === 'drifted' ? 0 : node.health === 'unknown' ? 1 : 2) - ((node.findings ?? 0) > 0 ? 3 : 0)
  const kept = new Set(
    spaces
      .toSorted((a, b) => weight(a) - weight(b) || (a.name < b.name ? -1 : 1))
      .slice(0, most)
      .map(({ id }) => id),
  )
  const isKept = (id: string): boolean => !id.startsWith('space:') || kept.has(id)
  return {
    left: spaces.length - kept.size,
    topology: {
      ...topology,
      nodes: topology.nodes.filter(({ id }) => isKept(id)),
      edges: topology.edges.filter(({ from, to }) => isKept(from) && isKept(to)),
      ports: topology.ports.filter(({ space }) => isKept(`space:${space}`)),
    },
  }
}

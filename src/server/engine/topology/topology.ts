import type { Topology, TopologyEdge, TopologyNode } from '../../protocol.ts'
import { defaultRoutes, type TopologyFacts } from './facts.ts'
import { foreignParts, uplinksOf } from './foreign.ts'
import { uplinkParts } from './lan.ts'
import { countersField, type SpaceView } from './space-view.ts'

/**
 * Theory of operation. The picture is made anew from lists of the kernel each time, and its ids come from names alone: so
 * two pictures of the same host can be compared part by part, and what a person has moved stays where it is.
 */

/** The picture of this host: its spaces with their cables, its ways out and what is behind them, and what others made. Pure. */
export const topologyOf = (facts: TopologyFacts): Topology => {
  const { spaces } = facts
  const outside = uplinksOf(facts).map(link => uplinkParts(facts, link))
  const foreign = foreignParts(facts)
  return {
    nodes: [
      hostNode(facts),
      ...spaces.map(spaceNode),
      ...outside.flatMap(({ nodes }) => nodes),
      ...foreign.nodes,
    ],
    edges: [...spaces.flatMap(cableEdge), ...outside.flatMap(({ edges }) => edges), ...foreign.edges],
    ports: spaces.flatMap(({ ports }) => ports),
    time: facts.time,
  }
}

const hostNode = (facts: TopologyFacts): TopologyNode => {
  const names = new Map(facts.links.map(({ index, name }) => [index, name]))
  return {
    id: 'host',
    kind: 'host',
    name: facts.host,
    lines: defaultRoutes(facts).map(({ gateway, outputIndex }) =>
      [
        'default',
        ...(gateway === undefined ? [] : [`via ${gateway}`]),
        ...(outputIndex === undefined ? [] : [`dev ${names.get(outputIndex) ?? '?'}`]),
      ].join(' '),
    ),
  }
}

const spaceNode = ({ name, lines, health, findings }: SpaceView): TopologyNode => ({
  id: `space:${name}`,
  kind: 'space',
  name,
  lines,
  health,
  ...(findings === undefined ? {} : { findings }),
})

const cableEdge = ({ name, inner, outer, up, counters }: SpaceView): TopologyEdge[] =>
  outer.interface === undefined
    ? []
    : [
        {
          id: `cable:${name}`,
          kind: 'cable',
          from: `space:${name}`,
          to: 'host',
          ends: [inner, outer],
          up,
          ...countersField(counters),
        },
      ]

/** The counters of all edges that have some. Pure. */
export const edgeCounters = ({ edges }: Topology) =>
  Object.fromEntries(edges.flatMap(({ id, counters }) => (counters === undefined ? [] : [[id, counters]])))

/** Whether two pictures show the same, but for what is counted and the time. Pure. */
export const isSamePicture = (one: Topology, other: Topology): boolean => shown(one) === shown(other)

const shown = ({ nodes, edges, ports }: Topology): string =>
  JSON.stringify({ nodes, edges: edges.map(({ counters, ...edge }) => edge), ports })

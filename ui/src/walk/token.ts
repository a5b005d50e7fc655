import type { Topology, TopologyEdge, TopologyNode, Walk } from '../../../src/server/protocol.ts'
import type { Frame } from './frames.ts'

/** Where in the picture a packet is: at a node, or on an edge between two. */
export type TokenPlace = { kind: 'node' | 'edge'; id: string }

/** Where a frame is in the picture; undefined when the picture does not have the place. Pure. */
export const tokenPlace = (
  frame: Pick<Frame, 'place'>,
  { story, topology }: Pick<Walk, 'story' | 'topology'>,
): TokenPlace | undefined => {
  switch (frame.place) {
    case 'space':
      return node(topology, `space:${story.space}`)
    case 'host':
      return node(topology, 'host')
    case 'cable':
      return edge(topology.edges.find(item => item.kind === 'cable' && touches(item, `space:${story.space}`)))
    case 'uplink':
      return uplinkPlace(story, topology)
    case 'remote':
      return remotePlace(story, topology)
  }
}

type Picture = Pick<Topology, 'nodes' | 'edges'>

const node = ({ nodes }: Picture, id: string): TokenPlace | undefined =>
  nodes.some(item => item.id === id) ? { kind: 'node', id } : undefined

const edge = (found: TopologyEdge | undefined): TokenPlace | undefined =>
  found === undefined ? undefined : { kind: 'edge', id: found.id }

const touches = ({ from, to }: TopologyEdge, id: string): boolean => from === id || to === id

type Told = Walk['story']

const uplinkOf = ({ points }: Told): string | undefined =>
  points.find(({ point }) => point === 'uplink')?.interface

/** The wire behind the link by which it leaves, or the cable of another space. */
const uplinkPlace = (story: Told, picture: Picture): TokenPlace | undefined => {
  const link = uplinkOf(story)
  if (link === undefined) return node(picture, 'host')
  const behind = picture.edges.find(item => item.kind !== 'bridge-port' && touches(item, `link:${link}`))
  const cable = picture.edges.find(
    ({ kind, ends }) => kind === 'cable' && ends.some(end => end.interface === link),
  )
  return (
    edge(behind ?? cable) ??
    node(picture, `link:${link}`) ??
    node(picture, 'host')
  )
}

/** Whoever has the address of the other end; else the network behind the link. */
const remotePlace = (story: Told, picture: Picture): TokenPlace | undefined => {
  const address = story.direction === 'out' ? story.tuple.destination : story.tuple.source
  const has = ({ name, lines, id }: TopologyNode) =>
    name === address ||
    lines.some(line => line.split(/[\s/,]+/).includes(address)) ||
    picture.edges.some(
      ({ from, to, ends }) =>
        (from === id && ends[0].addresses.some(item => item.split('/')[0] === address)) ||
        (to === id && ends[1].addresses.some(item => item.split('/')[0] === address)),
    )
  const found = picture.nodes.find(item => item.id !== `space:${story.space}` && item.kind !== 'uplink' && has(item))
  if (found !== undefined) return { kind: 'node', id: found.id }
  const link = uplinkOf(story)
  return (
    (link === undefined ? undefined : node(picture, `lan:${link}`)) ??
    node(picture, picture.nodes.find(({ kind }) => kind === 'lan')?.id ?? 'host')
  )
}

/** What was passed up to a frame, so that it can be marked. Pure. */
export const passedPlaces = (
  frames: readonly Frame[],
  index: number,
  walk: Pick<Walk, 'story' | 'topology'>,
): string[] => {
  const ids = frames.slice(0, index + 1).flatMap(frame => tokenPlace(frame, walk)?.id ?? [])
  return [...new Set(ids)]
}

import type { Topology, TopologyEdge, TopologyNode, Walk } from '../../../src/server/protocol.ts'
import type { Frame } from './frames.ts'

/**
 * Theory of operation. The way from the space to the other end is a row of lines in the picture: the cable, the host's own
 * lines from the jack to the plate and on to the uplink, the wire behind it. A packet is at a place along that row, which is
 * one number: 0 at the space, and each line is 1 long. So it can glide from one step's place to that of the next.
 */

/** A line of the picture; `isReversed`: it was drawn from the other end. */
export type Leg = { id: string; isReversed: boolean }

/** The row of lines, with the places on it where things happen. */
export type Journey = {
  legs: Leg[]
  /** How many lines lead to the plate of the host. */
  host: number
  /** The id of the other end's node, if the picture has it. */
  remote: string | undefined
}

type Told = Pick<Walk, 'story' | 'topology'>

/** The journey of a walk. Pure. */
export const journeyOf = ({ story, topology }: Told): Journey => {
  const { edges } = topology
  const spaceId = `space:${story.space}`
  const cable = edges.find(({ kind, from, to }) => kind === 'cable' && (from === spaceId || to === spaceId))
  if (cable === undefined) return { legs: [], host: 0, remote: undefined }
  const toHost = [leg(cable, spaceId), { id: `inside:jack:${cable.id}`, isReversed: false }]
  const remote = remoteNode({ story, topology })
  const uplink = uplinkOf(story)
  const behind = edges.find(
    ({ kind, from, to }) => kind === 'uplink' && [from, to].includes(`link:${uplink}`),
  )
  if (behind !== undefined) {
    const lan = other(behind, `link:${uplink}`)
    const wire = edges.find(
      ({ kind, from, to }) =>
        kind === 'wire' && [from, to].includes(lan) && [from, to].includes(remote ?? ''),
    )
    return {
      legs: [
        ...toHost,
        { id: `inside:link:${uplink}`, isReversed: false },
        leg(behind, `link:${uplink}`),
        ...(wire === undefined ? [] : [leg(wire, lan)]),
      ],
      host: 2,
      remote: remote ?? lan,
    }
  }
  // Another space of this host.
  const second = edges.find(
    ({ id, kind, ends }) => kind === 'cable' && id !== cable.id && ends.some(end => end.interface === uplink),
  )
  if (second === undefined || uplink === undefined) return { legs: toHost, host: 2, remote: 'host' }
  const neighbour = second.from === 'host' ? second.to : second.from
  return {
    legs: [...toHost, { id: `inside:jack:${second.id}`, isReversed: true }, leg(second, 'host')],
    host: 2,
    remote: neighbour,
  }
}

const leg = ({ id, from }: TopologyEdge, begin: string): Leg => ({ id, isReversed: from !== begin })

const other = ({ from, to }: TopologyEdge, id: string): string => (from === id ? to : from)

const uplinkOf = ({ points }: Walk['story']): string | undefined =>
  points.find(({ point }) => point === 'uplink')?.interface

/** The node with the address of the other end. */
const remoteNode = ({ story, topology }: Told): string | undefined => {
  const address = story.direction === 'out' ? story.tuple.destination : story.tuple.source
  const bare = (text: string) => text.split('/')[0]
  const has = ({ name, lines, id }: TopologyNode) =>
    name === address ||
    lines.some(line => line.split(/[\s,]+/).some(word => bare(word) === address)) ||
    topology.edges.some(
      ({ from, to, ends }) =>
        (from === id && ends[0].addresses.some(item => bare(item) === address)) ||
        (to === id && ends[1].addresses.some(item => bare(item) === address)),
    )
  return topology.nodes.find(
    node =>
      (node.kind === 'neighbour' || node.kind === 'space') && node.id !== `space:${story.space}` && has(node),
  )?.id
}

/** Where a frame is along the journey. Pure. */
export const placeOf = (
  frame: Pick<Frame, 'place' | 'packet' | 'event' | 'kind'>,
  journey: Journey,
  direction: Walk['direction'],
): number => {
  const { legs, host } = journey
  const end = legs.length
  switch (frame.place) {
    case 'space':
      return 0
    case 'cable':
      return Math.min(0.5, end)
    case 'remote':
      return end
    case 'uplink':
      return host + (end - host) * 0.6
    case 'host': {
      const isLeaving = (frame.packet === 'request') === (direction === 'out')
      const hook = frame.event?.hook
      const half =
        hook === 'prerouting' || hook === 'ingress' ? -1 : hook === 'postrouting' || hook === 'egress' ? 1 : 0
      return Math.min(end, host + (isLeaving ? half : -half) * 0.55)
    }
  }
}

/** The line and the part of it that a place is on, as the drawing takes it; undefined without a journey. Pure. */
export const onLine = (place: number, { legs }: Journey): { edge: string; at: number } | undefined => {
  const index = Math.min(legs.length - 1, Math.max(0, Math.floor(place)))
  const found = legs[index]
  if (found === undefined) return undefined
  const part = Math.min(1, Math.max(0, place - index))
  return { edge: found.id, at: found.isReversed ? 1 - part : part }
}

/** What of a picture a walk needs: its own space, the host, the way out, and who is there. Pure. */
export const sceneryOf = (walk: Told): Topology => {
  const { topology, story } = walk
  const { legs, remote } = journeyOf(walk)
  const ways = new Set(legs.map(({ id }) => id))
  const uplink = `link:${uplinkOf(story)}`
  const neighbours = topology.nodes
    .filter(({ kind, id }) => kind === 'neighbour' && id !== remote)
    .slice(0, 3)
  const kept = new Set([
    `space:${story.space}`,
    'host',
    uplink,
    ...(remote === undefined ? [] : [remote]),
    ...topology.edges.filter(({ id }) => ways.has(id)).flatMap(({ from, to }) => [from, to]),
    ...neighbours.map(({ id }) => id),
  ])
  // Without a way out, as where the space has no route, all ways out are of interest.
  const hasUplink = topology.nodes.some(({ id }) => id === uplink)
  const nodes = topology.nodes.filter(
    ({ id, kind }) => kept.has(id) || (!hasUplink && (kind === 'uplink' || kind === 'lan')),
  )
  const ids = new Set(nodes.map(({ id }) => id))
  return {
    ...topology,
    nodes,
    edges: topology.edges.filter(({ from, to }) => ids.has(from) && ids.has(to)),
    ports: topology.ports.filter(({ space }) => space === story.space),
  }
}

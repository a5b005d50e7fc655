import { expect, test } from 'bun:test'
import { exampleWalk } from './example.test-support.ts'
import { framesOf } from './frames.ts'
import { journeyOf, onLine, placeOf, sceneryOf } from './journey.ts'

const walk = exampleWalk('answered')

test('the way leads by the cable, through the host and by its uplink to the other end', () => {
  expect(journeyOf(walk)).toEqual({
    legs: [
      { id: 'cable:myspace', isReversed: false },
      { id: 'inside:jack:cable:myspace', isReversed: false },
      { id: 'inside:link:eth0', isReversed: false },
      { id: 'uplink:eth0', isReversed: false },
      { id: 'wire:neighbour:192.168.1.15', isReversed: false },
    ],
    host: 2,
    remote: 'neighbour:192.168.1.15',
  })
})

test('the request goes onward and the reply comes back, and neither jumps', () => {
  const journey = journeyOf(walk)
  const frames = framesOf(walk)
  const places = (packet: string) =>
    frames.filter(frame => frame.packet === packet).map(frame => placeOf(frame, journey, 'out'))
  expect(places('request')).toEqual(places('request').toSorted((a, b) => a - b))
  expect(places('reply')).toEqual(places('reply').toSorted((a, b) => b - a))
  expect([places('request')[0], places('request').at(-1), places('reply').at(-1)]).toEqual([0, 5, 0])
})

test('a place is on one line, counted from that line’s own beginning', () => {
  const journey = {
    legs: [
      { id: 'a', isReversed: false },
      { id: 'b', isReversed: true },
    ],
    host: 1,
    remote: undefined,
  }
  expect(onLine(0, journey)).toEqual({ edge: 'a', at: 0 })
  expect(onLine(1.25, journey)).toEqual({ edge: 'b', at: 0.75 })
  expect(onLine(2, journey)).toEqual({ edge: 'b', at: 0 })
  expect(onLine(1, { legs: [], host: 0, remote: undefined })).toBeUndefined()
})

test('of the picture only what has to do with the walk is shown', () => {
  const ids = sceneryOf(walk).nodes.map(({ id }) => id)
  expect(ids).toEqual(['host', 'space:myspace', 'link:eth0', 'lan:eth0', 'neighbour:192.168.1.15'])
})

test('a picture without the space has no journey, and a packet that is nowhere in it', () => {
  const empty = { ...walk, topology: { nodes: [], edges: [], ports: [], time: 0 } }
  expect(journeyOf(empty).legs).toEqual([])
  expect(sceneryOf(empty).nodes).toEqual([])
})

test('between spaces the way ends at the other one’s cable', () => {
  const points = walk.story.points.map(point =>
    point.point === 'uplink' ? { ...point, interface: 'veth-web' } : point,
  )
  const story = { ...walk.story, points, tuple: { ...walk.story.tuple, destination: '10.200.0.2' } }
  expect(journeyOf({ ...walk, story })).toMatchObject({
    legs: [{}, {}, { id: 'inside:jack:cable:web', isReversed: true }, { id: 'cable:web', isReversed: true }],
    remote: 'space:web',
  })
})

import { expect, test } from 'bun:test'
import { capturePoints } from './captures.ts'
import { exampleWalk } from './example.test-support.ts'

const walk = exampleWalk('answered')

test('captures stand side by side, with what changed since the point before', () => {
  const points = capturePoints(walk)
  expect(points.map(point => [point.interface, ...point.lines.map(({ text }) => text)])).toEqual([
    ['veth2', '192.168.45.3 > 192.168.1.15, id 29610', '192.168.1.15 > 192.168.45.3, id 29610'],
    ['veth1', '192.168.45.3 > 192.168.1.15, id 29610', '192.168.1.15 > 192.168.45.3, id 29610'],
    ['eth0', '192.168.1.32 > 192.168.1.15, id 29610', '192.168.1.15 > 192.168.1.32, id 29610'],
  ])
  expect(points.map(point => point.lines.map(({ changed }) => changed))).toEqual([
    [[], []],
    [[], ['destination']],
    [['source'], []],
  ])
})

test('another host’s link of the same name is another point', () => {
  const twice = {
    ...walk,
    captures: [...walk.captures, { place: 'host2', interface: 'eth0', lines: ['x', 'y'] }],
  }
  expect(capturePoints(twice).at(-1)?.lines).toEqual([
    { packet: 'request', text: 'x', changed: [] },
    { packet: 'reply', text: 'y', changed: [] },
  ])
})

test('without captures the story tells them', () => {
  expect(capturePoints({ ...walk, captures: [] }).map(({ lines }) => lines.length)).toEqual([2, 2, 2])
})

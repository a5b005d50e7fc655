import { expect, test } from 'bun:test'
import type { Topology } from '../../../src/server/protocol.ts'
import { condensed } from './condense.ts'
import { article, manySpaces } from './fixture.test-support.ts'
import type { Box } from './geometry.ts'
import { type Layout, layoutOf } from './layout.ts'

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

const itemOf = (layout: Layout, id: string) => {
  const found = layout.items.find(item => item.id === id)
  if (found === undefined) throw new Error(`no item ${id}`)
  return found
}

const checked = (topology: Topology, direction: 'right' | 'down'): Layout => {
  const layout = layoutOf(topology, { direction, words: ['routing · NAT'] })
  for (const [index, a] of layout.items.entries()) {
    for (const b of layout.items.slice(index + 1))
      if (overlap(a, b)) throw new Error(`${a.id} lies on ${b.id}`)
    expect(a.x).toBeGreaterThanOrEqual(0)
    expect(a.y).toBeGreaterThanOrEqual(0)
    expect(a.x + a.width).toBeLessThanOrEqual(layout.width)
    expect(a.y + a.height).toBeLessThanOrEqual(layout.height)
  }
  return layout
}

for (const direction of ['right', 'down'] as const) {
  test(`nothing lies on anything else, ${direction}`, () => {
    const layout = checked(article, direction)
    const { host } = layout
    if (host === undefined) throw new Error('no host')
    for (const { id, ...box } of layout.items)
      expect({ id, inside: overlap(box, host) }).toEqual({
        id,
        inside: /^(?:jack|link|port|foreign|plate)/.test(id),
      })
  })
}

test('a cable goes from the end in the space to the jack at the edge of the host', () => {
  const layout = checked(article, 'right')
  const cable = layout.wires.find(({ id }) => id === 'cable:myspace')
  const space = itemOf(layout, 'space:myspace')
  const jack = itemOf(layout, 'jack:cable:myspace')
  expect(cable?.points[0]?.x).toBe(space.x + space.width)
  expect(cable?.points.at(-1)).toEqual({ x: jack.x, y: jack.y + jack.height / 2 })
  expect(jack.x).toBe(layout.host?.x ?? Number.NaN)
  expect(jack.rows.map(({ text }) => text)).toEqual(['veth1', '192.168.45.2/24'])
  expect(space.rows.map(({ text }) => text)).toEqual([
    'myspace',
    'default via 192.168.45.2',
    'veth2',
    '192.168.45.3/24',
  ])
})

test('published ports and ways out end at the far edge', () => {
  const layout = checked(article, 'right')
  const edge = (layout.host?.x ?? 0) + (layout.host?.width ?? 0)
  for (const id of ['link:eth0', 'port:myspace:8080', 'port:web:443']) {
    const { x, width } = itemOf(layout, id)
    expect(x + width).toBeCloseTo(edge)
  }
})

test('published ports stand in the order of their spaces', () => {
  const many = manySpaces(6)
  const ports = [5, 0, 3, 1, 4, 2].map(number => ({
    id: `port:${number}`,
    space: `s${number}`,
    text: `80${number}0:80/tcp`,
    reach: { host: 'yes', lan: 'yes', spaces: 'yes' },
  }))
  const layout = checked({ ...many, ports }, 'right')
  const order = (prefix: string) =>
    layout.items
      .filter(({ id }) => id.startsWith(prefix))
      .toSorted((a, b) => a.y - b.y)
      .map(({ id }) => id.at(-1))
  expect(order('port:')).toEqual(order('jack:'))
})

test('an empty host, a space without a cable, and an edge to nowhere are drawn as far as they can be', () => {
  const [host] = article.nodes
  if (host === undefined) throw new Error('no host')
  expect(layoutOf({ time: 0, nodes: [], edges: [], ports: [] }, { direction: 'right' }).items).toEqual([])
  expect(checked({ time: 0, nodes: [host], edges: [], ports: [] }, 'right').items).toHaveLength(1)
  const lonely: Topology = {
    ...article,
    nodes: article.nodes.filter(({ kind }) => kind !== 'lan'),
    edges: article.edges.filter(({ kind }) => kind !== 'cable'),
  }
  expect(checked(lonely, 'right').wires.filter(({ kind }) => kind === 'uplink')).toEqual([])
})

test('sixty spaces are laid out in a moment', () => {
  const start = performance.now()
  const layout = checked(manySpaces(60), 'right')
  // About a tenth of this on an idle machine.
  expect(performance.now() - start).toBeLessThan(10_000)
  expect(layout.items.filter(({ kind }) => kind === 'space')).toHaveLength(60)
})

test('of a thousand spaces those that are not healthy are drawn first', () => {
  const { topology, left } = condensed(manySpaces(1000), 40)
  expect(left).toBe(960)
  const spaces = topology.nodes.filter(({ kind }) => kind === 'space')
  expect(spaces).toHaveLength(40)
  expect(spaces.map(({ name }) => name)).toContain('s999')
  expect(topology.edges.filter(({ kind }) => kind === 'cable')).toHaveLength(40)
})

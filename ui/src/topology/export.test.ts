import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Topology } from '../../../src/server/protocol.ts'
import { mermaidOf } from './export-mermaid.ts'
import { type Palette, svgOf, xml } from './export-svg.ts'
import { article } from './fixture.test-support.ts'
import { layoutOf } from './layout.ts'
import { type Colour, colours, looks, styleOf } from './roles.ts'
import { sceneOf, tokenAt } from './scene.ts'

const palette: Palette = {
  colours: Object.fromEntries(
    colours.map((name, index) => [name, `#0000${index.toString(16).padStart(2, '0')}`]),
  ) as Record<Colour, string>,
  sans: 'Inter, "Segoe UI"',
  mono: 'monospace',
}
const layout = layoutOf(article, { direction: 'right' })

test('the SVG holds every name and address, and nothing that runs or is fetched', () => {
  const svg = svgOf(sceneOf(layout, { traffic: { 'cable:myspace': '12/s' } }), palette, 'host1')
  for (const text of [
    'myspace',
    'veth1',
    '192.168.45.2/24',
    'veth2',
    '192.168.45.3/24',
    '8080:80/tcp',
    'host2',
    '12/s',
  ])
    expect(svg).toContain(`>${text}</text>`)
  expect(svg).not.toMatch(/<script|<style|<image|href|url\(|class=|var\(/)
  expect(svg.match(/<g /g)).toHaveLength((svg.match(/<\/g>/g) ?? []).length)
  expect(svg).toContain('font-family="Inter, &#34;Segoe UI&#34;"')
})

test('what a name holds is text in the SVG and in Mermaid', () => {
  const named = (name: string): Topology => ({
    ...article,
    nodes: article.nodes.map(node => ({ ...node, name, lines: [name] })),
  })
  const drawn = (topology: Topology) =>
    svgOf(sceneOf(layoutOf(topology, { direction: 'right' })), palette, 'x')
  const tagsIn = (text: string) => text.match(/<[^>]*>/g)?.length
  const tags = tagsIn(drawn(named('a')))
  const lines = mermaidOf(named('a')).split('\n').length
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), name => {
      const evil = named(name)
      expect(tagsIn(drawn(evil))).toBe(tags)
      expect(mermaidOf(evil).split('\n')).toHaveLength(lines)
    }),
    { numRuns: 25 },
  )
  expect(xml('<a b="c">&\u0000')).toBe('&#60;a b=&#34;c&#34;&#62;&#38;\ufffd')
})

test('Mermaid shows the article as it is', () => {
  expect(mermaidOf({ ...article, ports: article.ports.slice(0, 1) })).toBe(`flowchart LR
  subgraph chassis["host1"]
    n0["host1"]
    n3["eth0<br/>192.168.1.32/24"]
    n4[/"docker0<br/>bridge of Docker"/]
    n5[/"vethab<br/>veth of Docker"/]
    p0>"8080:80/tcp"]
  end
  n1["myspace<br/>default via 192.168.45.2"]
  n2["web"]
  n6(["192.168.1.0/24"])
  n7["host2<br/>192.168.1.15/24"]
  n1 ===|"veth2 192.168.45.3/24 – veth1 192.168.45.2/24"| n0
  n2 -.-|"eth0 10.200.0.2/30 fd12::ac8:2/126 – veth-web 10.200.0.1/30 fd12::ac8:1/126"| n0
  n3 ---|"eth0 192.168.1.32/24"| n6
  n6 ---|"eth0 192.168.1.15/24"| n7
  n5 ---|"vethab – docker0"| n4
  n0 --- n3
  p0 -.-> n1
`)
})

test('a highlighted edge and node stand out, and nothing else does', () => {
  const roles = (highlight: object) =>
    [...sceneOf(layout, { highlight }).wires, ...sceneOf(layout, { highlight }).items].flatMap(({ shapes }) =>
      shapes.map(({ role }) => role).filter(role => role.includes('active')),
    )
  expect(roles({})).toEqual([])
  expect(roles({ edges: ['cable:myspace'], nodes: ['space:myspace'] })).toEqual([
    'cable-active',
    'card-active',
  ])
})

test('a token runs from one end of its edge to the other', () => {
  const wire = layout.wires.find(({ id }) => id === 'cable:myspace')
  expect(tokenAt(layout, 'cable:myspace', 0)).toEqual(wire?.points[0] ?? { x: 0, y: 0 })
  expect(tokenAt(layout, 'cable:myspace', 1)).toEqual(wire?.points[1] ?? { x: 0, y: 0 })
  expect(tokenAt(layout, 'cable:nowhere', 0.5)).toBeUndefined()
})

test('every role has a look', () => {
  for (const role of Object.keys(looks) as (keyof typeof looks)[])
    expect(styleOf(role)).toMatch(/^fill:(none|var)/)
})

import { describe, expect, test } from 'bun:test'
import type { FakeKernel } from '../../../linux/fake.ts'
import type { Link } from '../../../linux/rtnetlink/link.ts'
import type { Neighbour } from '../../../linux/rtnetlink/neighbour.ts'
import type { Route } from '../../../linux/rtnetlink/route.ts'
import { meanwhile, newHost } from '../../../space/reconcile/test-support.ts'
import type { Context } from '../../../space/reconcile/types.ts'
import { planUp, up } from '../../../space/reconcile/up.ts'
import { validateSpec } from '../../../space/spec/validate.ts'
import { recordPath } from '../../../space/state/records.ts'
import type { Topology } from '../../protocol.ts'
import type { TopologyFacts } from './facts.ts'
import { ownerOfLink } from './link-owner.ts'
import { imagineTopology, observeTopology } from './observe.ts'
import { edgeCounters, isSamePicture, topologyOf } from './topology.ts'

const article = validateSpec('myspace', {
  gateway: '192.168.45.2/24',
  address: '192.168.45.3',
  hostInterface: 'veth1',
  interface: 'veth2',
  uplink: 'eth0',
  publish: ['8080:80'],
})

const picture = { host: 'host1' }
const node = ({ nodes }: Topology, id: string) => nodes.find(item => item.id === id)
const edge = ({ edges }: Topology, id: string) => edges.find(item => item.id === id)
const ids = ({ nodes }: Topology) => nodes.map(({ id }) => id)

const articleHost = async (): Promise<{ kernel: FakeKernel; context: Context }> => {
  const host = newHost()
  await up(host.context, [article])
  return host
}

describe('the picture of the article', () => {
  test('has its names and addresses at both ends of the cable, and the way out', async () => {
    const { context } = await articleHost()
    const seen = observeTopology(context, picture)
    expect(ids(seen)).toEqual(['host', 'space:myspace', 'link:eth0', 'lan:eth0', 'neighbour:192.168.1.1'])
    expect(node(seen, 'host')).toMatchObject({ name: 'host1', lines: ['default via 192.168.1.1 dev eth0'] })
    expect(node(seen, 'space:myspace')).toEqual({
      id: 'space:myspace',
      kind: 'space',
      name: 'myspace',
      lines: ['192.168.45.3/24', 'default via 192.168.45.2 dev veth2'],
      health: 'healthy',
    })
    expect(edge(seen, 'cable:myspace')).toMatchObject({
      from: 'space:myspace',
      to: 'host',
      up: true,
      ends: [
        { interface: 'veth2', addresses: ['192.168.45.3/24'] },
        { interface: 'veth1', addresses: ['192.168.45.2/24'] },
      ],
    })
    expect(node(seen, 'link:eth0')).toMatchObject({ parent: 'host', lines: ['192.168.1.32/24'] })
    expect(node(seen, 'lan:eth0')?.name).toBe('192.168.1.0/24')
    expect(node(seen, 'neighbour:192.168.1.1')).toMatchObject({ name: '192.168.1.1', lines: ['router'] })
    expect(seen.ports).toEqual([
      {
        id: 'port:myspace:8080:80/tcp',
        space: 'myspace',
        text: '8080:80/tcp',
        reach: { host: 'yes', lan: 'yes', spaces: 'yes' },
      },
    ])
  })

  test('names the hosts that are known, as those of the lab are', async () => {
    const { context } = await articleHost()
    const known = [
      { name: 'router', address: '192.168.1.1', prefixLength: 24, interface: 'lan0' },
      { name: 'host2', address: '192.168.1.15', prefixLength: 24, interface: 'eth0' },
      { name: 'elsewhere', address: '10.9.9.9', prefixLength: 24, interface: 'eth0' },
    ]
    const seen = observeTopology(context, { ...picture, known })
    expect(seen.nodes.filter(({ kind }) => kind === 'neighbour').map(({ name }) => name)).toEqual([
      'router',
      'host2',
    ])
    expect(edge(seen, 'wire:neighbour:192.168.1.15')?.ends).toEqual([
      { addresses: [] },
      { interface: 'eth0', addresses: ['192.168.1.15/24'] },
    ])
  })

  test('a space that differs from what was asked for is drifted, and its cable is down with the link', async () => {
    const { kernel, context } = await articleHost()
    const index = kernel.links(undefined).find(({ name }) => name === 'veth1')?.index ?? 0
    meanwhile(kernel, [{ type: 'link.set', where: undefined, name: 'veth1', index, up: false }])
    const seen = observeTopology(context, { ...picture, findings: new Map([['myspace', 2]]) })
    expect(node(seen, 'space:myspace')).toMatchObject({ health: 'drifted', findings: 2 })
    expect(edge(seen, 'cable:myspace')?.up).toBe(false)
  })

  test('a record that cannot be read hides no other space', async () => {
    const { kernel, context } = await articleHost()
    const path = recordPath(context.paths, 'web')
    meanwhile(kernel, [{ type: 'file.write', path, text: '{', mode: 0o600 }])
    const seen = observeTopology(context, picture)
    expect(node(seen, 'space:web')).toMatchObject({ health: 'unknown', lines: ['it is not JSON'] })
    expect(node(seen, 'space:myspace')?.health).toBe('healthy')
    expect(edge(seen, 'cable:web')).toBeUndefined()
  })

  test('what others have made is greyed, with its owner where that is known', async () => {
    const { kernel, context } = await articleHost()
    kernel.addLink('docker0', { kind: 'bridge', address: '172.17.0.1/16' })
    kernel.addLink('wg0', { kind: 'wireguard', address: '10.8.0.2/24' })
    kernel.addLink('sit0', { kind: 'sit', up: false })
    const seen = observeTopology(context, picture)
    expect(seen.nodes.filter(({ kind }) => kind === 'foreign')).toEqual([
      {
        id: 'foreign:docker0',
        kind: 'foreign',
        name: 'docker0',
        lines: ['bridge of Docker', '172.17.0.1/16'],
        parent: 'host',
      },
      {
        id: 'foreign:wg0',
        kind: 'foreign',
        name: 'wg0',
        lines: ['wireguard of WireGuard', '10.8.0.2/24'],
        parent: 'host',
      },
    ])
  })

  test('shows the same until something but the counters changes', async () => {
    const { kernel, context } = await articleHost()
    const [one, other] = [observeTopology(context, picture), observeTopology(context, picture)]
    const counted = {
      ...other,
      time: 1,
      edges: other.edges.map(item => ({
        ...item,
        counters: { receivedPackets: 9, sentPackets: 9, receivedBytes: 9, sentBytes: 9 },
      })),
    }
    expect(isSamePicture(one, counted)).toBe(true)
    expect(Object.keys(edgeCounters(counted))).toEqual(counted.edges.map(({ id }) => id))
    kernel.addLink('docker0', { kind: 'bridge' })
    expect(isSamePicture(one, observeTopology(context, picture))).toBe(false)
  })
})

describe('the picture as it would be', () => {
  test('has the planned spaces in it, and nothing is changed', async () => {
    const { kernel, context } = await articleHost()
    const writes = kernel.writes
    const planned = planUp(context, [
      validateSpec('myspace', { ...articleRaw, publish: ['8080:80', '8443:443'] }),
      validateSpec('db', { internal: true }),
    ]).spaces
    const imagined = imagineTopology(context, picture, { planned })
    expect(ids(imagined).filter(id => id.startsWith('space:'))).toEqual(['space:myspace', 'space:db'])
    expect(imagined.ports.map(({ text }) => text)).toEqual(['8080:80/tcp', '8443:443/tcp'])
    expect(edge(imagined, 'cable:db')?.ends[1].interface).toBe('veth-db')
    expect(kernel.writes).toBe(writes)
    await up(context, [validateSpec('db', { internal: true })])
    const after = observeTopology(context, picture)
    expect(edge(after, 'cable:db')?.ends).toEqual(edge(imagined, 'cable:db')?.ends as never)
  })

  test('is without those that are removed, and without their cables', async () => {
    const { context } = await articleHost()
    const imagined = imagineTopology(context, picture, { removed: ['myspace'] })
    expect(ids(imagined)).toEqual(['host', 'link:eth0', 'lan:eth0', 'neighbour:192.168.1.1'])
    expect(imagined.edges.map(({ id }) => id)).not.toContain('cable:myspace')
    expect(imagined.ports).toEqual([])
  })
})

const articleRaw = {
  gateway: '192.168.45.2/24',
  address: '192.168.45.3',
  hostInterface: 'veth1',
  interface: 'veth2',
  uplink: 'eth0',
}

const link = (index: number, name: string, rest: Partial<Link> = {}): Link => ({
  index,
  name,
  kind: undefined,
  address: '02:00:00:00:00:01',
  mtu: 1500,
  up: true,
  carrier: true,
  loopback: false,
  alias: undefined,
  master: undefined,
  peer: undefined,
  peerNamespaceId: undefined,
  counters: undefined,
  ...rest,
})

const address = (index: number, text: string) => {
  const [value = '', length] = text.split('/')
  return {
    index,
    family: value.includes(':') ? (6 as const) : (4 as const),
    address: value,
    prefixLength: Number(length),
    scope: 0,
    flags: 0,
  }
}

const neighbour = (text: string, rest: Partial<Neighbour> = {}): Neighbour => ({
  index: 2,
  family: text.includes(':') ? 6 : 4,
  address: text,
  linkAddress: `02:00:00:00:01:${text.length}`,
  state: 0x02,
  ...rest,
})

const defaultRoute = (gateway: string | undefined): Route =>
  ({ family: 4, destination: '0.0.0.0/0', table: 254, gateway, outputIndex: 2 }) as Route

const facts = (rest: Partial<TopologyFacts>): TopologyFacts => ({
  host: 'host1',
  links: [link(1, 'lo', { loopback: true }), link(2, 'eth0')],
  addresses: new Map([[2, [address(2, '192.168.1.32/24')]]]),
  routes: [defaultRoute('192.168.1.1')],
  neighbours: [],
  spaces: [],
  known: [],
  time: 0,
  ...rest,
})

const neighbours = (rest: Partial<TopologyFacts>) =>
  topologyOf(facts(rest))
    .nodes.filter(({ kind }) => kind === 'neighbour')
    .map(({ name, lines }) => [name, ...lines])

describe('neighbours', () => {
  test('are the routers first, then those who answered, each machine once', () => {
    expect(
      neighbours({
        neighbours: [
          neighbour('192.168.1.15', { linkAddress: '02:00:00:00:01:15' }),
          neighbour('2001:db8::15', { linkAddress: '02:00:00:00:01:15' }),
          neighbour('fe80::15', { linkAddress: '02:00:00:00:01:15' }),
          neighbour('192.168.1.1', { linkAddress: '02:00:00:00:01:01' }),
          neighbour('192.168.1.77', { state: 0x20, linkAddress: undefined }),
          neighbour('224.0.0.251', { linkAddress: '01:00:5e:00:00:fb', state: 0x40 }),
          neighbour('10.0.0.7', { index: 9 }),
        ],
      }),
    ).toEqual([
      ['192.168.1.1', 'router'],
      ['192.168.1.15', '2001:db8::15'],
    ])
  })

  test('of a large network some are shown, and the router is always among them', () => {
    const many = Array.from({ length: 300 }, (_, number) =>
      neighbour(`192.168.1.${number}`, { linkAddress: `02:00:00:00:${number >> 8}:${number & 255}` }),
    )
    const shown = neighbours({ neighbours: many })
    expect(shown).toHaveLength(8)
    expect(shown[0]).toEqual(['192.168.1.1', 'router'])
  })

  test('a link without a subnet, such as a tunnel, leads outside', () => {
    const seen = topologyOf(
      facts({
        links: [link(2, 'ppp0', { kind: 'ppp' })],
        addresses: new Map([[2, [address(2, '100.64.0.9/32')]]]),
        routes: [defaultRoute(undefined)],
      }),
    )
    expect(seen.nodes.map(({ id, name }) => [id, name])).toEqual([
      ['host', 'host1'],
      ['link:ppp0', 'ppp0'],
      ['lan:ppp0', 'outside'],
    ])
  })
})

describe('links of others', () => {
  test('a bridge of many has the first of its ports, and says how many more there are', () => {
    const bridge = link(3, 'br-0123456789ab', { kind: 'bridge' })
    const ports = Array.from({ length: 20 }, (_, number) =>
      link(10 + number, `veth${number}`, { kind: 'veth', master: 3 }),
    )
    const { nodes, edges } = topologyOf(facts({ links: [link(2, 'eth0'), bridge, ...ports] }))
    const shown = nodes.filter(({ kind }) => kind === 'foreign')
    expect(shown).toHaveLength(9)
    expect(shown[0]?.lines).toEqual(['bridge of Docker', 'and 12 more ports'])
    expect(shown[1]?.lines).toEqual(['veth of Docker'])
    expect(edges.filter(({ kind }) => kind === 'bridge-port')).toHaveLength(8)
  })

  test('the card of a bridge that is the way out is its port', () => {
    const { nodes, edges } = topologyOf(
      facts({ links: [link(2, 'br0', { kind: 'bridge' }), link(4, 'eth0', { master: 2 })] }),
    )
    expect(nodes.map(({ id }) => id)).toContain('link:br0')
    expect(edges.find(({ kind }) => kind === 'bridge-port')).toMatchObject({
      from: 'foreign:eth0',
      to: 'link:br0',
    })
  })

  test.each([
    ['docker0', 'bridge', 'Docker'],
    ['virbr0', 'bridge', 'libvirt'],
    ['cni0', 'bridge', 'CNI plugins'],
    ['tailscale0', 'tun', 'Tailscale'],
    ['tun7', 'wireguard', 'WireGuard'],
    ['enp3s0', undefined, undefined],
  ])('%s of kind %s belongs to %s', (name, kind, owner) => {
    expect(ownerOfLink({ name, kind })).toBe(owner as string)
  })
})

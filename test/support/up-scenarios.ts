/** Changes of the desired state that `up` must make whole or not at all, on the fake kernel and on the real one. */
import type { Change } from '../../src/linux/change.ts'
import type { Kernel } from '../../src/linux/kernel.ts'
import { parseEgress } from '../../src/space/spec/egress.ts'
import type { Publish, SpaceSpec } from '../../src/space/spec/types.ts'

/** A spec with what is not asked for left out. */
export const spec = (name: string, rest: Partial<SpaceSpec> = {}): SpaceSpec => ({
  name,
  ipv6: 'auto',
  publish: [],
  internal: false,
  connect: [],
  host: 'dns',
  metadata: false,
  fixFirewall: false,
  ...rest,
})

/** `publish(8080, 80)`, `publish(5353, 53, 'udp')`, `publish({ first: 9000, last: 9003 })` */
export const publish = (
  outer: number | { first: number; last: number },
  inner: number = typeof outer === 'number' ? outer : outer.first,
  protocol: Publish['protocol'] = 'tcp',
): Publish => {
  const hostPort = typeof outer === 'number' ? { first: outer, last: outer } : outer
  return { protocol, hostPort, port: { first: inner, last: inner + hostPort.last - hostPort.first } }
}

/** The space of the article, on a host whose uplink is eth0. */
export const article = spec('myspace', {
  address: '192.168.45.3',
  gateway: '192.168.45.2/24',
  hostInterface: 'veth1',
  interface: 'veth2',
  uplink: 'eth0',
  publish: [publish(8080, 80)],
})

export type Scenario = {
  title: string
  /** What is there already: brought up one list after the other. */
  before: SpaceSpec[][]
  /** Names of namespaces that somebody else made before. */
  foreign?: string[]
  /** Whether the host has IPv6 beyond link-local addresses on its uplink. */
  ipv6?: true
  /** Whether somebody else's firewall drops what is forwarded. */
  firewall?: true
  /** What is taken away or changed behind natspace's back before `up`. */
  harm?: Harm
  specs: SpaceSpec[]
}

/** Damage to the article's space. */
export type Harm =
  | 'cable'
  | 'table'
  | 'elements'
  | 'host-address'
  | 'inner-address'
  | 'route'
  | 'down'
  | 'forwarding'
  | 'namespace'
  | 'record'

export const harms: readonly Harm[] = [
  'cable',
  'table',
  'elements',
  'host-address',
  'inner-address',
  'route',
  'down',
  'forwarding',
  'namespace',
  'record',
]

export const scenarios: readonly Scenario[] = [
  { title: 'the article', before: [], specs: [article] },
  { title: 'no options', before: [], specs: [spec('a')] },
  { title: 'two spaces at once', before: [], specs: [spec('a', { publish: [publish(80)] }), spec('b')] },
  { title: 'a second space', before: [[article]], specs: [spec('b', { publish: [publish(80)] })] },
  { title: 'a namespace that was there before', before: [], foreign: ['a'], specs: [spec('a')] },
  { title: 'an internal space', before: [], specs: [spec('a', { internal: true })] },
  {
    title: 'a new cable',
    before: [[article]],
    specs: [{ ...article, gateway: '10.9.0.1/30', address: '10.9.0.2' }],
  },
  {
    title: 'new names',
    before: [[article]],
    specs: [{ ...article, hostInterface: 'outer', interface: 'inner' }],
  },
  {
    title: 'other ports, no uplink',
    before: [[article]],
    specs: [
      spec('myspace', {
        ...article,
        publish: [
          publish({ first: 9000, last: 9003 }),
          publish(5353, 53, 'udp'),
          publish({ first: 70, last: 72 }, 80),
        ],
      }),
    ],
  },
  { title: 'another MTU', before: [[article]], specs: [{ ...article, mtu: 1400 }] },
  { title: 'an MTU too small for IPv6', before: [], specs: [{ ...article, mtu: 1000 }] },
  {
    title: 'an MTU that becomes too small for IPv6',
    before: [[article]],
    specs: [{ ...article, mtu: 1000 }],
  },
  {
    title: 'an MTU that was too small for IPv6',
    before: [[{ ...article, mtu: 1000 }]],
    specs: [{ ...article, mtu: 1400 }],
  },
  { title: 'from inside to the outside', before: [[spec('a', { internal: true })]], specs: [spec('a')] },
  {
    title: 'an accepting rule in another firewall',
    before: [],
    firewall: true,
    specs: [{ ...article, fixFirewall: true }],
  },
  {
    title: 'another uplink and cable in another firewall',
    before: [[{ ...article, fixFirewall: true }]],
    firewall: true,
    specs: [spec('myspace', { fixFirewall: true, hostInterface: 'outer' })],
  },
  {
    title: 'no more rules in another firewall',
    before: [[{ ...article, fixFirewall: true }]],
    firewall: true,
    specs: [article],
  },
  { title: 'both families', before: [], ipv6: true, specs: [article, spec('b')] },
  {
    title: 'IPv6 on a living space',
    before: [[{ ...article, ipv6: 'off' }]],
    ipv6: true,
    specs: [article],
  },
  {
    title: 'no more IPv6 on a living space',
    before: [[article]],
    ipv6: true,
    specs: [{ ...article, ipv6: 'off' }],
  },
  {
    title: 'ports of both families on a living space',
    before: [[spec('a')]],
    ipv6: true,
    specs: [
      spec('a', {
        publish: [
          publish(8080, 80),
          { ...publish(5353, 53, 'udp'), hostAddress: '::1' },
          { ...publish({ first: 9000, last: 9003 }), hostAddress: '192.168.1.32' },
        ],
      }),
    ],
  },
  {
    title: 'no more ports on a living space',
    before: [[article]],
    ipv6: true,
    specs: [{ ...article, publish: [] }],
  },
  {
    title: 'every policy',
    before: [],
    ipv6: true,
    specs: [
      spec('a', {
        connect: ['b'],
        egress: ['10.0.0.0/8', '10.1.0.0/16:53/udp', '[2001:db8::/32]:443/tcp', 'any/icmp'].map(text =>
          parseEgress(text),
        ),
        host: 'all',
        metadata: true,
        source: { ipv4: '192.168.1.32', ipv6: '2001:db8::32' },
      }),
      spec('b', { internal: true, connect: ['a'], host: 'none' }),
    ],
  },
  {
    title: 'other policies on a living space',
    before: [
      [
        spec('a', { egress: [parseEgress('10.0.0.0/8'), parseEgress('any:53')], connect: ['b'] }),
        spec('b', { internal: true, connect: ['a'] }),
      ],
    ],
    specs: [spec('a', { egress: [parseEgress('10.0.0.0/9')], host: 'none' }), spec('b', { internal: true })],
  },
  {
    title: 'limits of rate',
    before: [],
    specs: [spec('a', { rate: { up: 10_000_000, down: 50_000_000 } })],
  },
  {
    title: 'other limits of rate',
    before: [[spec('a', { rate: { up: 10_000_000, down: 50_000_000 } })]],
    specs: [spec('a', { rate: { up: 20_000_000 } })],
  },
  ...harms.map(harm => ({
    title: `the article after harm: ${harm}`,
    before: [[article]],
    harm,
    specs: [article],
  })),
]

const where = '/run/netns/myspace'

/** The changes that do the harm to the article's space as it is now. */
export const harmful = (kernel: Kernel, harm: Harm): Change[] => {
  const host = kernel.links(undefined).find(link => link.name === 'veth1')
  const inner = kernel.links(where).find(link => link.name === 'veth2')
  const outerEnd = { where: undefined, name: 'veth1', index: host?.index ?? 0 }
  const innerEnd = { where, name: 'veth2', index: inner?.index ?? 0 }
  const table = { family: 'inet', table: 'natspace' } as const
  const commit = (command: Extract<Change, { type: 'nftables.commit' }>['commands'][number]): Change => ({
    type: 'nftables.commit',
    where: undefined,
    commands: [command],
    generation: undefined,
  })
  switch (harm) {
    case 'cable':
      return [{ type: 'link.delete', ...outerEnd }]
    case 'table':
      return [commit({ type: 'table.delete', ...table })]
    case 'elements':
      return [commit({ type: 'set.flush', ...table, set: 'source4' })]
    case 'host-address':
      return [{ type: 'address.delete', ...outerEnd, address: '192.168.45.2', prefixLength: 24 }]
    case 'inner-address':
      return [{ type: 'address.delete', ...innerEnd, address: '192.168.45.3', prefixLength: 24 }]
    case 'route':
      return [{ type: 'route.delete', ...innerEnd, destination: '0.0.0.0/0', gateway: '192.168.45.2' }]
    case 'down':
      return [{ type: 'link.set', ...outerEnd, up: false }]
    case 'forwarding':
      return [{ type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '0' }]
    case 'namespace':
      return [{ type: 'namespace.delete', path: where }]
    case 'record':
      return [{ type: 'file.delete', path: '/run/natspace/spaces/myspace.json' }]
  }
}

/** A firewall of somebody else that drops what it forwards, as `iptables -P FORWARD DROP` makes it. */
export const droppingFirewall = (): Change => {
  const table = { family: 'ip', table: 'filter' } as const
  return {
    type: 'nftables.commit',
    where: undefined,
    commands: [
      { type: 'table.add', ...table },
      {
        type: 'chain.add',
        ...table,
        chain: { name: 'FORWARD', hook: 'forward', type: 'filter', priority: 0, policy: 'drop' },
      },
    ],
    generation: undefined,
  }
}

/** What is there before natspace does anything: changes by somebody else. */
export const preparations = ({ foreign = [], firewall, ipv6 }: Scenario, uplinkIndex: number): Change[] => [
  ...(ipv6
    ? [
        { type: 'sysctl.set', where: undefined, key: 'net.ipv6.conf.eth0.disable_ipv6', value: '0' } as const,
        {
          type: 'address.add',
          where: undefined,
          name: 'eth0',
          index: uplinkIndex,
          address: '2001:db8::32',
          prefixLength: 64,
        } as const,
      ]
    : []),
  ...(foreign.length > 0 ? [{ type: 'directory.add', path: '/run/netns', mode: 0o755 } as const] : []),
  ...foreign.map(name => ({ type: 'namespace.add', path: `/run/netns/${name}` }) as const),
  ...(firewall ? [droppingFirewall()] : []),
]

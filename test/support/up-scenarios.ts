/** Changes of the desired state that `up` must make whole or not at all, on the fake kernel and on the real one. */
import type { Publish, SpaceSpec } from '../../src/space/spec/types.ts'

/** A spec with what is not asked for left out. */
export const spec = (name: string, rest: Partial<SpaceSpec> = {}): SpaceSpec => ({
  name,
  publish: [],
  internal: false,
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
  { title: 'from inside to the outside', before: [[spec('a', { internal: true })]], specs: [spec('a')] },
  ...harms.map(harm => ({
    title: `the article after harm: ${harm}`,
    before: [[article]],
    harm,
    specs: [article],
  })),
]

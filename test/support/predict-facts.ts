/**
 * The facts of a prediction, by hand: a space 10.0.0.2 behind veth1 with 10.0.0.1, and a host with 192.0.2.1 on eth0 and a
 * router 192.0.2.254 there. Routing is by the longest prefix, as `decide` would be told by the kernel.
 */
import type { PlaceFacts, PredictionFacts } from '../../src/insight/predict/facts.ts'
import type { RouteDecision } from '../../src/insight/walk/route-decisions.ts'
import { parsePrefix, prefixContains } from '../../src/linux/net/prefix.ts'
import {
  type Chain,
  type ChainSpec,
  compile,
  type Ruleset,
  rule,
  type Statement,
  type Table,
} from '../../src/linux/nftables/index.ts'
import type { Address } from '../../src/linux/rtnetlink/address.ts'
import type { Link } from '../../src/linux/rtnetlink/link.ts'
import { type Route, type RouteQuery, routeTable, routeType } from '../../src/linux/rtnetlink/route.ts'

let handles = 0n

/** A table `inet NAME` of chains and their rules. */
export const table = (
  name: string,
  chains: [ChainSpec, ...Statement[][]][],
  more: Partial<Table> = {},
): Table => {
  const family = more.family ?? 'inet'
  return {
    family,
    name,
    handle: ++handles,
    flags: [],
    sets: [],
    objects: [],
    flowtables: [],
    chains: chains.map(
      ([spec, ...rules]): Chain => ({
        ...spec,
        handle: ++handles,
        rules: rules.map(statements => ({
          handle: ++handles,
          instructions: compile(rule(statements), family),
        })),
      }),
    ),
    ...more,
  }
}

/** A base chain with the policy accept. */
export const base = (
  hook: NonNullable<ChainSpec['hook']>,
  priority = 0,
  type: 'filter' | 'nat' | 'route' = 'filter',
  policy: 'accept' | 'drop' = 'accept',
): ChainSpec => ({ name: `${type}-${hook}-${priority}`, hook, type, priority, policy })

const ruleset = (tables: Table[]): Ruleset => ({ generation: 1, tables })

export const link = (index: number, name: string, more: Partial<Link> = {}): Link => ({
  index,
  name,
  kind: 'veth',
  address: '02:00:00:00:00:01',
  mtu: 1500,
  up: true,
  carrier: true,
  loopback: name === 'lo',
  alias: undefined,
  master: undefined,
  peer: undefined,
  peerNamespaceId: undefined,
  counters: undefined,
  ...more,
})

export const address = (index: number, text: string, prefixLength: number, flags = 0): Address => ({
  index,
  family: text.includes(':') ? 6 : 4,
  address: text,
  prefixLength,
  scope: 0,
  flags,
})

export const route = (destination: string, index: number, more: Partial<Route> = {}): Route => ({
  family: destination.includes(':') ? 6 : 4,
  destination,
  gateway: undefined,
  outputIndex: index,
  preferredSource: undefined,
  priority: undefined,
  table: routeTable.main,
  protocol: 3,
  scope: 0,
  type: routeType.unicast,
  ...more,
})

const local = (text: string, index: number): Route =>
  route(`${text}/${text.includes(':') ? 128 : 32}`, index, { table: routeTable.local, type: routeType.local })

/** The longest prefix wins. */
const deciding =
  ({ routes, links }: Pick<PlaceFacts, 'routes' | 'links'>) =>
  (question: RouteQuery): RouteDecision => {
    const length = ({ destination }: Route) => parsePrefix(destination)?.length ?? 0
    const [best] = routes
      .filter(({ destination }) => prefixContains(destination, question.destination))
      .toSorted((a, b) => length(b) - length(a))
    if (best === undefined)
      return { found: false, question, code: 'ENETUNREACH', errno: 101, kernelMessage: undefined }
    const device = links.find(({ index }) => index === best.outputIndex)
    const isLocal = best.type === routeType.local
    return {
      found: true,
      question,
      type: isLocal ? 'local' : 'unicast',
      table: best.table,
      tableName: isLocal ? 'local' : 'main',
      gateway: best.gateway,
      device: device && { index: device.index, name: device.name },
      preferredSource: best.preferredSource,
      route: best,
      rule: { rule: undefined, why: 'not asked', candidates: [] },
    }
  }

const place = (facts: Partial<PlaceFacts>, settings: Readonly<Record<string, string>>): PlaceFacts => {
  const whole = {
    ruleset: ruleset([]),
    links: [],
    addresses: [],
    routes: [],
    rules: [],
    neighbours: [],
    disciplines: [],
    legacy: { 4: [], 6: [] },
    setting: (key: string) => settings[key],
    ...facts,
  }
  return { decide: deciding(whole), ...whole }
}

/** What may be otherwise than usual. */
export type Otherwise = {
  inside?: Table[]
  host?: Table[]
  settings?: Record<string, string>
  hostFacts?: Partial<PlaceFacts>
}

export const usualSettings: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.veth1.forwarding': '1',
  'net.ipv4.conf.eth0.forwarding': '1',
  'net.ipv4.ip_default_ttl': '64',
  'net.ipv4.ip_local_port_range': '32768\t60999',
}

export const facts = ({
  inside = [],
  host = [],
  settings = {},
  hostFacts = {},
}: Otherwise = {}): PredictionFacts => {
  const known = { ...usualSettings, ...settings }
  return {
    space: {
      name: 'web',
      interface: 'eth0',
      hostInterface: 'veth1',
      cables: ['veth1'],
      addresses: ['10.0.0.2'],
      isLimited: false,
      isInternal: false,
    },
    inside: place(
      {
        ruleset: ruleset(inside),
        links: [link(1, 'lo'), link(2, 'eth0')],
        addresses: [address(2, '10.0.0.2', 24)],
        routes: [
          local('10.0.0.2', 2),
          local('127.0.0.1', 1),
          route('10.0.0.0/24', 2, { preferredSource: '10.0.0.2' }),
          route('0.0.0.0/0', 2, { gateway: '10.0.0.1', preferredSource: '10.0.0.2' }),
        ],
      },
      known,
    ),
    host: place(
      {
        ruleset: ruleset(host),
        links: [link(1, 'lo'), link(5, 'veth1'), link(6, 'eth0', { kind: undefined })],
        addresses: [address(5, '10.0.0.1', 24), address(6, '192.0.2.1', 24)],
        routes: [
          local('10.0.0.1', 5),
          local('192.0.2.1', 6),
          route('10.0.0.0/24', 5),
          route('192.0.2.0/24', 6),
          route('0.0.0.0/0', 6, { gateway: '192.0.2.254' }),
        ],
        ...hostFacts,
      },
      known,
    ),
  }
}

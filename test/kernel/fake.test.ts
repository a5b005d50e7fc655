/** The kernel in memory against the real one: the same changes in the same order, and then everything that can be asked. */

import { describe, expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import fc from 'fast-check'
import { type Change, ChangeError } from '../../src/linux/change.ts'
import { FakeKernel } from '../../src/linux/fake.ts'
import type { Kernel } from '../../src/linux/kernel.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import {
  accept,
  concat,
  counter,
  ct,
  dnat,
  drop,
  fib,
  inSet,
  ip,
  limit,
  log,
  mapLookup,
  masquerade,
  match,
  meta,
  type NamedSet,
  type NftCommand,
  notInSet,
  notrack,
  type Rule,
  redirect,
  reject,
  rt,
  rule,
  set,
  snat,
  tcp,
  tcpOption,
  th,
  traceOn,
} from '../../src/linux/nftables/index.ts'
import { elementCommands, tableCommands } from '../../src/space/ruleset/commands.ts'
import { requireSandbox } from '../support/sandbox.ts'

requireSandbox()

const folder = '/run/natspace-fake-test'
mkdirSync(folder, { recursive: true })
const [one, two] = [`${folder}/one`, `${folder}/two`]
const wheres = [one, two]

/** Both kernels with two new namespaces each; what the test makes goes with them. */
const onBoth = (body: (fake: Kernel, real: Kernel) => void): void => {
  using fake = new FakeKernel()
  fake.machine.files.makeFolder(folder, 0o755)
  using real = new LinuxKernel()
  const add = wheres.map((path): Change => ({ type: 'namespace.add', path }))
  const done = ['done', 'done'] as const
  expect(fake.change(add)).toEqual([...done])
  expect(real.change(add)).toEqual([...done])
  try {
    body(fake, real)
  } finally {
    expect(real.change(wheres.map(path => ({ type: 'namespace.delete', path })))).toEqual([...done])
  }
}

const codesOf = (kernel: Kernel, changes: readonly Change[]): string[] =>
  kernel
    .change(changes)
    .map(outcome => (outcome instanceof ChangeError ? (outcome.code ?? outcome.message) : outcome))

/** Elements of hash sets come in any order. */
const tablesOf = (kernel: Kernel, where: string) =>
  kernel.ruleset(where).tables.map(({ handle: _, sets, chains, ...table }) => ({
    ...table,
    sets: sets.map(({ handle: __, elements, ...rest }) => ({
      ...rest,
      elements: elements
        .map(element => ({ text: JSON.stringify(element.key), element }))
        .sort((a, b) => (a.text < b.text ? -1 : 1)),
    })),
    chains: chains.map(({ handle: __, rules, ...rest }) => ({
      ...rest,
      rules: rules.map(({ handle: ___, ...item }) => item),
    })),
  }))

const settings = [
  'disable_ipv6',
  'forwarding',
  'rp_filter',
  'accept_redirects',
  'send_redirects',
  'route_localnet',
]

/** Everything but counters, in the order in which the kernel gives it. */
const stateOf = (kernel: Kernel, where: string) => ({
  links: kernel.links(where).map(({ counters: _, peerNamespaceId, ...link }) => ({
    ...link,
    elsewhere: peerNamespaceId !== undefined,
  })),
  addresses: kernel.addresses(where),
  routes: kernel.routes(where),
  rules: kernel.rules(where),
  tables: tablesOf(kernel, where),
  sysctls: (['ipv4', 'ipv6'] as const).flatMap(protocol =>
    kernel
      .sysctlNames(where, `net.${protocol}.conf`)
      .map(name => [
        `${protocol} ${name}`,
        ...settings.map(leaf => kernel.sysctl(where, `net.${protocol}.conf.${name}.${leaf}`)),
      ]),
  ),
})

describe('rules come back as the kernel gives them', () => {
  const table = { family: 'inet', table: 't' } as const
  const named: NamedSet = { name: 'named', key: ['ifname'] }
  const map: NamedSet = {
    name: 'map',
    key: ['inet_proto', 'inet_service'],
    data: ['ipv4_addr', 'inet_service'],
  }
  const transport = concat(meta('l4proto'), th('dport'))
  const inChain: Record<string, Rule[]> = {
    forward: [
      rule([counter(), accept()], 'a comment'),
      rule([match(meta('iifname'), inSet('named')), match(meta('oifname'), notInSet('named')), drop()]),
      rule([match(ct('state'), ['established', 'related']), accept()]),
      rule([match(ct('state'), 'invalid'), match(ct('status'), 'dnat'), drop()]),
      rule([match(tcp('flags'), 'syn'), set(tcpOption('maxseg', 'size'), rt('mtu'))]),
      rule([match(ip('saddr'), '10.0.0.0/8'), limit(10, 'second'), log({ prefix: 'x ' }), reject()]),
      rule([match(meta('mark'), 7), set(meta('mark'), 8), traceOn()]),
      rule([match(meta('iifname'), 'lo', '!='), match(ip('daddr'), '127.0.0.0/8', '!='), drop()]),
    ],
    raw: [rule([match(fib(['daddr'], 'type'), 'local'), notrack()])],
    dnat: [
      rule([match(meta('nfproto'), 'ipv4'), dnat('ip', mapLookup(transport, map))]),
      rule([match(tcp('dport'), 80), dnat('ip', { address: '10.0.0.1', port: 8080 })]),
      rule([dnat('ip', { address: '10.0.0.1' })]),
      rule([match(tcp('dport'), 81), redirect(8081)]),
    ],
    snat: [
      rule([masquerade()]),
      rule([masquerade({ fullyRandom: true })]),
      rule([snat('ip', '10.0.0.1', { random: true })]),
    ],
  }
  const setup: NftCommand[] = [
    { type: 'table.add', ...table },
    { type: 'set.add', ...table, set: named },
    { type: 'set.add', ...table, set: map },
    ...(
      [
        ['forward', 'filter', 'forward', 0],
        ['raw', 'filter', 'prerouting', -300],
        ['dnat', 'nat', 'prerouting', -90],
        ['snat', 'nat', 'postrouting', 110],
      ] as const
    ).map(
      ([name, type, hook, priority]): NftCommand => ({
        type: 'chain.add',
        ...table,
        chain: { name, type, hook, priority },
      }),
    ),
  ]

  for (const [chain, rules] of Object.entries(inChain))
    for (const [index, value] of rules.entries())
      test(`${chain} ${index + 1}: ${value.statements.map(({ kind }) => kind).join(' ')}`, () =>
        onBoth((...kernels) => {
          const commands: NftCommand[] = [...setup, { type: 'rule.add', ...table, chain, rule: value }]
          const [fake, real] = kernels.map(kernel => {
            const change: Change = { type: 'nftables.commit', where: one, commands, generation: undefined }
            expect(codesOf(kernel, [change])).toEqual(['done'])
            return tablesOf(kernel, one)
          })
          expect(fake).toEqual(real as typeof fake)
        }))

  test('the table of natspace with a few elements', () =>
    onBoth((...kernels) => {
      const commands = [
        ...tableCommands(),
        ...elementCommands('element.add', [
          { set: 'spaces', element: { key: ['veth1'] } },
          { set: 'source4', element: { key: ['veth1', '10.0.0.2'] } },
          { set: 'publish4', element: { key: ['tcp', 8080], data: ['10.0.0.2', 80] } },
          { set: 'publish4_range', element: { key: ['udp', { first: 10, last: 20 }], data: ['10.0.0.2'] } },
        ]),
      ]
      const [fake, real] = kernels.map(kernel => {
        const change: Change = { type: 'nftables.commit', where: one, commands, generation: undefined }
        expect(codesOf(kernel, [change])).toEqual(['done'])
        return tablesOf(kernel, one)
      })
      expect(fake).toEqual(real as typeof fake)
    }))
})

/** Few names, indexes and addresses, so that changes often meet; mostly the same name has the same index. */
const anyEnd = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...wheres),
        fc.constantFrom({ name: 'eth0', index: 5 }, { name: 'eth1', index: 6 }, { name: 'a.b', index: 7 }),
      )
      .map(([where, end]) => ({ where, ...end })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      where: fc.constantFrom(...wheres),
      name: fc.constantFrom('eth0', 'eth1', 'a.b', 'x/y'),
      index: fc.constantFrom(5, 6, 7, 8),
    }),
  },
)
const anyAddress = fc.record({
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1', '127.0.0.9'),
  prefixLength: fc.constantFrom(24, 24, 24, 24, 16, 31, 32, 33),
})
const anyRoute = fc.record({
  destination: fc.constantFrom('0.0.0.0/0', '10.0.0.0/24', '10.7.0.0/16', '10.7.1.1/16'),
  gateway: fc.constantFrom(undefined, '10.0.0.1', '10.0.0.2', '10.0.0.255', '10.7.0.1'),
})
const anySysctl = fc.record({
  where: fc.constantFrom(...wheres),
  key: fc.constantFrom(
    'net.ipv4.ip_forward',
    'net.ipv4.conf.all.forwarding',
    'net.ipv4.conf.default.forwarding',
    'net.ipv4.conf.eth0.forwarding',
    'net.ipv4.conf.a/b.rp_filter',
    'net.ipv4.conf.default.rp_filter',
    'net.ipv4.conf.all.accept_redirects',
    'net.ipv6.conf.eth0.forwarding',
    'net.ipv4.none',
  ),
  value: fc.constantFrom('0', '1', '2', 'x'),
})
const mac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02')
const mtu = fc.constantFrom(undefined, undefined, undefined, undefined, 1400, 1000, 60)
const anyChange = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(anyEnd, anyEnd, mac, mtu).map(
      ([end, peer, address, size]): Change => ({
        type: 'veth.add',
        ...end,
        address,
        mtu: size,
        peer: { ...peer, address, mtu: size },
      }),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        anyEnd,
        fc.constantFrom(
          { up: true },
          { up: true },
          { up: false },
          { mtu: 1000 },
          { mtu: 1300 },
          { alias: 'x' },
        ),
      )
      .map(([end, how]): Change => ({ type: 'link.set', ...end, ...how })),
  },
  { weight: 1, arbitrary: anyEnd.map((end): Change => ({ type: 'link.delete', ...end })) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(anyEnd, anyAddress, fc.constantFrom('address.add', 'address.add', 'address.delete'))
      .map(([end, address, type]) => ({ type, ...end, ...address }) as Change),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(anyEnd, anyRoute, fc.constantFrom('route.add', 'route.add', 'route.delete'))
      .map(([end, route, type]) => ({ type, ...end, ...route }) as Change),
  },
  { weight: 2, arbitrary: anySysctl.map((item): Change => ({ type: 'sysctl.set', ...item })) },
)

test('any changes in any order: the same outcomes and the same state', () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(fc.array(fc.array(anyChange, { maxLength: 4 }), { minLength: 3, maxLength: 12 }), batches =>
      onBoth((fake, real) => {
        // IPv6 does things by itself, and some time later.
        const quiet = wheres.map(
          (where): Change => ({
            type: 'sysctl.set',
            where,
            key: 'net.ipv6.conf.all.disable_ipv6',
            value: '1',
          }),
        )
        for (const kernel of [fake, real]) kernel.change(quiet)
        for (const where of wheres)
          for (const key of [
            'ip_forward',
            'conf.all.accept_redirects',
            'conf.all.rp_filter',
            'conf.default.rp_filter',
          ])
            for (const kernel of [fake, real])
              kernel.change([
                {
                  type: 'sysctl.set',
                  where,
                  key: `net.ipv4.${key}`,
                  value: key === 'ip_forward' ? '0' : '1',
                },
              ])
        const end = { where: one, name: 'eth0', index: 5, address: '02:00:00:00:00:05', mtu: undefined }
        const peer = { where: two, name: 'eth1', index: 6, address: '02:00:00:00:00:06', mtu: undefined }
        const cable: Change = { type: 'veth.add', ...end, peer }
        for (const kernel of [fake, real]) expect(codesOf(kernel, [cable])).toEqual(['done'])
        for (const changes of batches) {
          const codes = codesOf(fake, changes)
          for (const code of codes) seen.set(code, (seen.get(code) ?? 0) + 1)
          expect({ changes, codes }).toEqual({ changes, codes: codesOf(real, changes) })
          for (const where of wheres) expect(stateOf(fake, where)).toEqual(stateOf(real, where))
        }
      }),
    ),
    { numRuns: 150 },
  )
  // It was no walk past closed doors only, nor through open ones.
  expect(seen.get('done')).toBeGreaterThan(100)
  for (const code of ['EEXIST', 'ENODEV', 'EINVAL', 'ENETUNREACH']) expect([...seen.keys()]).toContain(code)
}, 60_000)

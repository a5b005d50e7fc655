import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { findPublishClash } from './publish-clash.ts'
import { resolveSpec } from './resolve.ts'
import { specOf } from './spec-of.ts'
import { anyPublish, plainFacts, plainSpec } from './test-support.ts'
import type { Egress, Publish, SpaceSpec } from './types.ts'

const absent = fc.constant(undefined)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.oneof(absent, value)

const egress: fc.Arbitrary<Egress> = fc.constantFrom<Egress>(
  {},
  { network: '10.0.0.0/8' },
  { network: '2001:db8::/32', protocol: 'tcp', port: { first: 443, last: 444 } },
)

const publishes = fc
  .array(anyPublish, { maxLength: 3 })
  .filter(list => findPublishClash(list.map((publish: Publish) => ({ space: 'web', publish }))) === undefined)

const without = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined))

/** Any spec that can be resolved; nothing, little or everything is said. */
const anySpec: fc.Arbitrary<SpaceSpec> = fc
  .record({
    cable: fc.constantFrom<Pick<SpaceSpec, 'gateway' | 'address'>>(
      {},
      { gateway: '192.168.45.2/24' },
      { gateway: '192.168.45.2/24', address: '192.168.45.3' },
      { address: '10.9.0.2' },
    ),
    cable6: fc.constantFrom<Pick<SpaceSpec, 'gateway6' | 'address6'>>(
      {},
      {},
      { gateway6: 'fd00:45::2/64' },
      { gateway6: 'fd00:45::2/64', address6: 'fd00:45::9' },
      { address6: 'fd00:45::6' },
    ),
    rest: fc.record({
      hostInterface: maybe(fc.constantFrom('veth1', 'veth-web')),
      interface: maybe(fc.constantFrom('veth2', 'eth0')),
      uplink: maybe(fc.constant('eth0')),
      source: maybe(fc.constantFrom({ ipv4: '192.168.1.32' }, { ipv6: '2001:db8::1' })),
      dns: maybe(fc.constantFrom([], ['1.1.1.1'])),
      mtu: maybe(fc.constantFrom(1280, 1500, 9000)),
      rate: maybe(fc.constantFrom({ up: 1_000_000 }, { up: 1_000_000, down: 2_000_000 })),
      egress: maybe(fc.array(egress, { maxLength: 2 })),
    }),
    publish: publishes,
    ipv6: fc.constantFrom<SpaceSpec['ipv6']>('auto', 'on', 'off'),
    internal: fc.boolean(),
    connect: fc.constantFrom<string[]>([], ['db'], ['cache', 'db']),
    host: fc.constantFrom<SpaceSpec['host']>('none', 'dns', 'all'),
    metadata: fc.boolean(),
    fixFirewall: fc.boolean(),
  })
  .map(({ cable, cable6, rest, ...given }) => ({
    ...{ ...plainSpec, name: 'web', ...cable, ...cable6, ...without(rest), ...given },
    ...(Object.keys(cable6).length === 0 ? {} : { ipv6: 'on' as const }),
  }))

const facts = (hasIpv6: boolean, mtu: number) => ({
  ...plainFacts,
  taken: [{ prefix: '192.168.1.32/24', why: 'address of eth0' }],
  linkNames: new Set(['eth0']),
  hasIpv6,
  mtuOf: () => mtu,
  peer: (name: string) => ({
    name,
    hostInterface: `veth-${name}`,
    address: '10.200.9.2',
    address6: 'fd00::9',
  }),
})

test('a space resolved again from its own spec is the same, whatever became of the host meanwhile', () => {
  let resolved = 0
  fc.assert(
    fc.property(anySpec, fc.boolean(), fc.boolean(), (spec, hadIpv6, hasIpv6) => {
      const wantsIpv6 =
        spec.publish.some(({ hostAddress }) => hostAddress?.includes(':')) || spec.source?.ipv6 !== undefined
      // Such a spec is refused, so there is no space of it.
      if (wantsIpv6 && (spec.ipv6 === 'off' || (spec.ipv6 === 'auto' && !hadIpv6))) return
      resolved++
      const space = resolveSpec(spec, facts(hadIpv6, 1500))
      const later = { ...facts(hasIpv6, 9000), prefix6: () => 'fdff:ffff:ffff::/48', previous: space }
      expect(resolveSpec(specOf(space), later)).toEqual(space)
    }),
  )
  expect(resolved).toBeGreaterThan(20)
})

test('nothing of a space is left to be chosen', () => {
  const space = resolveSpec({ ...plainSpec, name: 'web' }, facts(true, 1400))
  expect(specOf(space)).toEqual({
    name: 'web',
    address: '10.200.0.2',
    gateway: '10.200.0.1/30',
    hostInterface: 'veth-web',
    interface: 'eth0',
    ipv6: 'on',
    publish: [],
    mtu: 1400,
    mtuFollows: true,
    internal: false,
    connect: [],
    host: 'dns',
    metadata: false,
    fixFirewall: false,
  })
})

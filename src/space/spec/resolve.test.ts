import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { prefixContains, prefixesOverlap } from '../../linux/net/prefix.ts'
import { type ResolveManyFacts, resolveSpec, resolveSpecs } from './resolve.ts'
import { faultOf, plainFacts, plainSpace } from './test-support.ts'
import type { RawSpec } from './types.ts'
import { validateSpec } from './validate.ts'

const facts: ResolveManyFacts = {
  taken: [
    { prefix: '0.0.0.0/0', why: 'route via 192.168.1.1 dev eth0' },
    { prefix: '192.168.1.0/24', why: 'route dev eth0' },
  ],
  linkNames: new Set(['lo', 'eth0']),
  ...plainFacts,
}
const resolve = (raw: RawSpec, name = 'web') =>
  resolveSpec(validateSpec(name, raw), { ...plainFacts, taken: facts.taken, linkNames: facts.linkNames })

test('the space of the reference experiment', () => {
  const raw = {
    address: '192.168.45.3',
    gateway: '192.168.45.2/24',
    hostInterface: 'veth1',
    interface: 'veth2',
    uplink: 'eth0',
    publish: ['8080:80'],
  }
  expect(resolve(raw, 'myspace')).toEqual({
    ...plainSpace,
    name: 'myspace',
    namespacePath: '/run/netns/myspace',
    hostInterface: 'veth1',
    interface: 'veth2',
    gateway: '192.168.45.2',
    address: '192.168.45.3',
    prefixLength: 24,
    network: '192.168.45.0/24',
    uplink: 'eth0',
    publish: [{ protocol: 'tcp', hostPort: { first: 8080, last: 8080 }, port: { first: 80, last: 80 } }],
  })
})

test('an MTU that nobody asked for is that of the way out, and stays without one', () => {
  const host = { ...plainFacts, taken: facts.taken, linkNames: facts.linkNames }
  const spec = validateSpec('web', {})
  const first = resolveSpec(spec, { ...host, mtuOf: () => 1400 })
  expect(first).toMatchObject({ mtu: 1400, mtuFollows: true })
  const offline = { ...host, mtuOf: () => undefined }
  expect(resolveSpec(spec, { ...offline, previous: first })).toMatchObject({ mtu: 1400, mtuFollows: true })
  expect(resolveSpec(spec, offline).mtu).toBe(1500)
  expect(resolveSpec({ ...spec, mtu: 1400 }, host)).not.toHaveProperty('mtuFollows')
})

test('nothing but a name', () => {
  expect(resolve({})).toEqual({
    ...plainSpace,
    name: 'web',
    namespacePath: '/run/netns/web',
    hostInterface: 'veth-web',
    interface: 'eth0',
    gateway: '10.200.0.1',
    address: '10.200.0.2',
    prefixLength: 30,
    network: '10.200.0.0/30',
  })
})

describe('addresses', () => {
  test.each([
    [{ gateway: '10.5.0.1/24' }, '10.5.0.1', '10.5.0.2', '10.5.0.0/24'],
    [{ gateway: '10.5.0.9/24' }, '10.5.0.9', '10.5.0.1', '10.5.0.0/24'],
    [{ gateway: '10.5.0.2/30' }, '10.5.0.2', '10.5.0.1', '10.5.0.0/30'],
    [{ gateway: '10.5.0.0/31' }, '10.5.0.0', '10.5.0.1', '10.5.0.0/31'],
    [{ gateway: '10.5.0.1/31' }, '10.5.0.1', '10.5.0.0', '10.5.0.0/31'],
    [{ address: '10.5.0.2' }, '10.5.0.1', '10.5.0.2', '10.5.0.0/30'],
    [{ address: '10.5.0.1' }, '10.5.0.2', '10.5.0.1', '10.5.0.0/30'],
  ])('%j', (raw, gateway, address, network) => {
    expect(resolve(raw)).toMatchObject({ gateway, address, network })
  })

  test.each(['10.5.0.0', '10.5.0.3'])('%s alone is no host of its /30', address => {
    const fault = faultOf(() => resolve({ address }))
    expect([fault.code, fault.exit]).toEqual(['BAD_ADDRESS', 2])
    expect(fault.fix[0]).toBe('use 10.5.0.1 or 10.5.0.2')
  })

  test.each([{ gateway: '192.168.1.77/30' }, { gateway: '192.168.0.1/16' }, { address: '192.168.1.2' }])(
    '%j overlaps the LAN',
    raw => {
      const fault = faultOf(() => resolve(raw))
      expect([fault.code, fault.exit]).toEqual(['OVERLAP', 2])
      expect(fault.why).toContain('overlaps 192.168.1.0/24 (route dev eth0)')
    },
  )
})

describe('a space that is up', () => {
  const again = (first: RawSpec, second: RawSpec) => {
    const previous = resolve(first)
    return resolveSpec(validateSpec('web', second), {
      ...plainFacts,
      taken: [
        ...facts.taken,
        { prefix: previous.network, why: `route dev ${previous.hostInterface}` },
        { prefix: `${previous.gateway}/32`, why: 'route table local' },
      ],
      linkNames: new Set(['lo', 'eth0', previous.hostInterface]),
      previous,
    })
  }

  test.each([
    {},
    { gateway: '10.5.0.1/24' },
    { address: '10.5.0.2' },
    { gateway: '10.5.0.1/24', address: '10.5.0.77' },
    { hostInterface: 'veth1', interface: 'veth2' },
  ])('the same spec again changes nothing: %j', raw => {
    expect(again(raw, raw)).toEqual(resolve(raw))
  })

  test('what was chosen stays when something else is asked for', () => {
    expect(again({}, { publish: ['80'] })).toMatchObject({
      network: '10.200.0.0/30',
      hostInterface: 'veth-web',
    })
    expect(again({ gateway: '10.5.0.1/24' }, {})).toMatchObject({ gateway: '10.5.0.1', address: '10.5.0.2' })
  })

  test('an address alone moves within the network of the space', () => {
    expect(again({ gateway: '10.5.0.1/24' }, { address: '10.5.0.200' })).toMatchObject({
      gateway: '10.5.0.1',
      address: '10.5.0.200',
      network: '10.5.0.0/24',
    })
    expect(again({ gateway: '10.5.0.1/24' }, { address: '10.6.0.2' }).network).toBe('10.6.0.0/30')
  })

  test('its own network may grow; what others use counts still', () => {
    expect(again({ gateway: '10.5.0.1/30' }, { gateway: '10.5.0.1/24' }).network).toBe('10.5.0.0/24')
    expect(faultOf(() => again({}, { gateway: '192.168.1.1/24' })).code).toBe('OVERLAP')
  })
})

describe('many', () => {
  const specs = (raws: Record<string, RawSpec>) =>
    Object.entries(raws).map(([name, raw]) => validateSpec(name, raw))

  test('what is explicit is reserved before anything is chosen, and the order is kept', () => {
    const spaces = resolveSpecs(
      specs({ a: {}, b: { address: '10.200.0.2', hostInterface: 'veth-a' }, c: {} }),
      facts,
    )
    expect(spaces.map(space => space.name)).toEqual(['a', 'b', 'c'])
    expect(spaces.map(space => space.network)).toEqual(['10.200.0.4/30', '10.200.0.0/30', '10.200.0.8/30'])
    expect(spaces[0]?.hostInterface).toMatch(/^veth-[0-9a-z]{10}$/)
  })

  test('two explicit networks that overlap', () => {
    const fault = faultOf(() =>
      resolveSpecs(specs({ a: { gateway: '10.5.0.1/24' }, b: { address: '10.5.0.9' } }), facts),
    )
    expect(fault.code).toBe('OVERLAP')
    expect(fault.why).toContain('space a')
  })

  test('two explicit host interfaces of one name, or one that the host has', () => {
    const both = specs({ a: { hostInterface: 'x' }, b: { hostInterface: 'x' } })
    expect(faultOf(() => resolveSpecs(both, facts)).code).toBe('INTERFACE_TAKEN')
    expect(faultOf(() => resolve({ hostInterface: 'eth0' })).code).toBe('INTERFACE_TAKEN')
  })

  test('a taken default name gives way to another', () => {
    const space = resolveSpec(validateSpec('web', {}), {
      ...plainFacts,
      taken: [],
      linkNames: new Set(['veth-web']),
    })
    expect(space.hostInterface).toMatch(/^veth-[0-9a-z]{10}$/)
  })

  test('no two spaces share anything, and a second run changes nothing', () => {
    const raw: fc.Arbitrary<RawSpec> = fc.oneof(
      fc.constant({}),
      fc.integer({ min: 0, max: 63 }).map(n => ({ gateway: `10.200.0.${n * 4 + 1}/30` })),
      fc.integer({ min: 0, max: 63 }).map(n => ({ address: `10.200.1.${n * 4 + 2}` })),
    )
    fc.assert(
      fc.property(
        fc.uniqueArray(raw, { maxLength: 12, selector: r => r.gateway ?? r.address ?? r }),
        raws => {
          const wanted = raws.map((r, i) => validateSpec(`space-${i}`, r))
          const spaces = resolveSpecs(wanted, facts)
          for (const [i, space] of spaces.entries()) {
            expect(prefixContains(space.network, space.address)).toBe(true)
            expect(prefixContains(space.network, space.gateway)).toBe(true)
            expect(space.address).not.toBe(space.gateway)
            for (const other of spaces.slice(i + 1)) {
              expect(prefixesOverlap(space.network, other.network)).toBe(false)
              expect(space.hostInterface).not.toBe(other.hostInterface)
            }
          }
          const taken = [...facts.taken, ...spaces.map(s => ({ prefix: s.network, why: `space ${s.name}` }))]
          const linkNames = new Set([...facts.linkNames, ...spaces.map(s => s.hostInterface)])
          const previous = new Map(spaces.map(s => [s.name, s]))
          expect(resolveSpecs(wanted, { ...plainFacts, taken, linkNames, previous })).toEqual(spaces)
        },
      ),
    )
  })

  test('5,000 explicit and 5,000 chosen, then all again', () => {
    const wanted = Array.from({ length: 10_000 }, (_, i) =>
      validateSpec(
        `s${i}`,
        i % 2 ? {} : { gateway: `10.${200 + (i >> 13)}.${(i >> 5) & 255}.${(i & 31) * 8 + 1}/30` },
      ),
    )
    const spaces = resolveSpecs(wanted, facts)
    const taken = spaces.map(s => ({ prefix: s.network, why: `space ${s.name}` }))
    const linkNames = new Set(spaces.map(s => s.hostInterface))
    const previous = new Map(spaces.map(s => [s.name, s]))
    expect(resolveSpecs(wanted, { ...plainFacts, taken, linkNames, previous })).toEqual(spaces)
  })
})

describe('both families', () => {
  const host6 = { ...facts, hasIpv6: true }
  const of = (raw: RawSpec, host: ResolveManyFacts = host6) =>
    resolveSpecs([validateSpec('web', raw)], host)[0]

  test('auto is on where the host has IPv6, and stays on', () => {
    const first = of({})
    expect(first?.ipv6).toEqual({
      gateway: 'fd12:3456:789a::ac8:1',
      address: 'fd12:3456:789a::ac8:2',
      prefixLength: 126,
      network: 'fd12:3456:789a::ac8:0/126',
    })
    expect(of({}, facts)?.ipv6).toBeUndefined()
    expect(of({ ipv6: 'on' }, facts)?.ipv6?.address).toBe('fd12:3456:789a::ac8:2')
    expect(of({ ipv6: false })?.ipv6).toBeUndefined()
    const previous = new Map(first === undefined ? [] : [['web', first]])
    const moved = { ...facts, previous, prefix6: () => 'fd99::/48' }
    expect(of({}, moved)?.ipv6).toEqual(first?.ipv6)
  })

  test('auto is off where the uplink is too small for it', () => {
    expect(of({}, { ...host6, mtuOf: () => 1000 })).toMatchObject({ mtu: 1000 })
    expect(of({}, { ...host6, mtuOf: () => 1000 })?.ipv6).toBeUndefined()
  })

  test('what needs IPv6 is refused where there is none', () => {
    expect(faultOf(() => of({ publish: ['[::1]:80'] }, facts)).code).toBe('BAD_PUBLISH')
    expect(faultOf(() => of({ source: '2001:db8::1' }, facts)).code).toBe('BAD_SOURCE')
  })
})

test('the MTU is that of the uplink unless it is given', () => {
  const host = { ...facts, mtuOf: (uplink: string | undefined) => (uplink === 'wg0' ? 1420 : 9000) }
  const mtus = [{}, { uplink: 'wg0' }, { mtu: 1300 }].map(
    raw => resolveSpecs([validateSpec('web', raw)], host)[0]?.mtu,
  )
  expect(mtus).toEqual([9000, 1420, 1300])
})

describe('connected spaces', () => {
  test('of one file, and one that is up', () => {
    const up = { name: 'up', hostInterface: 'veth-up', address: '10.200.9.2' }
    const host = { ...facts, peer: (name: string) => (name === 'up' ? up : undefined) }
    const wanted = [validateSpec('web', { connect: ['up', 'db'] }), validateSpec('db', {})]
    expect(resolveSpecs(wanted, host)[0]?.connect).toEqual([
      { name: 'db', hostInterface: 'veth-db', address: '10.200.0.6' },
      up,
    ])
  })

  test('one that is not there', () => {
    const fault = faultOf(() => resolve({ connect: ['db'] }))
    expect([fault.code, fault.exit]).toEqual(['NO_SUCH_PEER', 2])
  })
})

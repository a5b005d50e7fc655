import { describe, expect, test } from 'bun:test'
import { isBesideIpv4 } from './fixed-cable6.ts'
import { resolveSpec, resolveSpecs } from './resolve.ts'
import { faultOf, plainFacts, plainSpec } from './test-support.ts'
import type { ResolvedSpace, SpaceSpec } from './types.ts'

const facts = (taken6: string[] = []) => ({
  ...plainFacts,
  taken: [],
  linkNames: new Set<string>(),
  prefix6: () => 'fdaa:bbbb:cccc::/48',
  taken6: () => taken6.map(prefix => ({ prefix, why: 'route dev eth0' })),
})
const spec = (asked: Partial<SpaceSpec>, name = 'web'): SpaceSpec => ({
  ...plainSpec,
  name,
  ipv6: 'on',
  ...asked,
})
const ipv6Of = (asked: Partial<SpaceSpec>, previous?: ResolvedSpace) =>
  resolveSpec(spec(asked), { ...facts(), ...(previous === undefined ? {} : { previous }) }).ipv6

const fixed = { gateway: 'fd00:45::2', address: 'fd00:45::3', prefixLength: 64, network: 'fd00:45::/64' }

describe('addresses of IPv6 that are asked for', () => {
  test('are as they were asked for, and what is left out is chosen beside them', () => {
    expect(ipv6Of({ gateway6: 'fd00:45::2/64', address6: 'fd00:45::3' })).toEqual(fixed)
    expect(ipv6Of({ gateway6: 'fd00:45::2/64' })?.address).toBe('fd00:45::1')
    expect(ipv6Of({ gateway6: 'fd00:45::1/64' })?.address).toBe('fd00:45::2')
    expect(ipv6Of({ gateway6: 'fd00:45::1/127' })?.address).toBe('fd00:45::')
    expect(ipv6Of({ address6: 'fd00:45::6' })).toEqual({
      gateway: 'fd00:45::5',
      address: 'fd00:45::6',
      prefixLength: 126,
      network: 'fd00:45::4/126',
    })
    expect(faultOf(() => ipv6Of({ address6: 'fd00:45::4' }))).toMatchObject({ code: 'BAD_ADDRESS' })
  })

  test('stay where nothing more is said, and an address moves within its network', () => {
    const previous = resolveSpec(spec({ gateway6: 'fd00:45::2/64', address6: 'fd00:45::3' }), facts())
    expect(isBesideIpv4(previous)).toBe(false)
    expect(ipv6Of({}, previous)).toEqual(fixed)
    expect(ipv6Of({ ipv6: 'auto' }, previous)).toEqual(fixed)
    expect(ipv6Of({ gateway6: 'fd00:45::2/64' }, previous)).toEqual(fixed)
    expect(ipv6Of({ address6: 'fd00:45::99' }, previous)).toEqual({ ...fixed, address: 'fd00:45::99' })
    expect(ipv6Of({ ipv6: 'off' }, previous)).toBeUndefined()
  })

  test('without them they are beside those of IPv4, as ever', () => {
    const space = resolveSpec(spec({}), facts())
    expect(isBesideIpv4(space)).toBe(true)
    expect(ipv6Of({ gateway: '10.9.0.1/24' }, space)?.gateway).toBe('fdaa:bbbb:cccc::a09:1')
  })
})

describe('a network of IPv6 that is asked for is refused', () => {
  const refused = (taken6: string[], ...specs: SpaceSpec[]) =>
    faultOf(() => resolveSpecs(specs, facts(taken6)))

  test.each([
    ['fd00:45::/48', 'fd00:45::2/64'],
    ['fd00:45:0:0:8::/80', 'fd00:45::2/64'],
    ['fd00:45::9/128', 'fd00:45::2/64'],
  ])('where a route leads elsewhere: %s', (taken, gateway6) =>
    expect(refused([taken], spec({ gateway6 }))).toMatchObject({
      code: 'OVERLAP',
      why: expect.stringContaining(`overlaps ${taken} (route dev eth0)`),
    }),
  )

  test('where another space of the same file asks for it', () => {
    const gateways = ['fd00:45::2/64', 'fd00:44::2/64', 'fd00:45::9:0:0:2/120']
    const specs = gateways.map((gateway6, index) => spec({ gateway6 }, `s${index}`))
    expect(refused([], ...specs)).toMatchObject({ code: 'OVERLAP', why: expect.stringContaining('space s0') })
    expect(resolveSpecs(specs.slice(0, 2), facts())).toHaveLength(2)
  })

  test('where natspace puts addresses itself, unless they are just those', () => {
    expect(refused([], spec({ gateway6: 'fdaa:bbbb:cccc::1/64' }))).toMatchObject({ code: 'OVERLAP' })
    const same = {
      gateway: '10.9.0.1/24',
      gateway6: 'fdaa:bbbb:cccc::a09:1/120',
      address6: 'fdaa:bbbb:cccc::a09:2',
    }
    expect(resolveSpecs([spec(same)], facts())[0]?.ipv6?.network).toBe('fdaa:bbbb:cccc::a09:0/120')
  })

  test('but not where what is there is the space’s own', () => {
    const asked = spec({ gateway6: 'fd00:45::2/64', address6: 'fd00:45::3' })
    const previous = new Map([['web', resolveSpec(asked, facts())]])
    const own = ['fd00:45::/64', 'fd00:45::2/128', 'fd00:45::/128']
    expect(resolveSpecs([asked], { ...facts(own), previous })).toHaveLength(1)
    const narrower = spec({ gateway6: 'fd00:45::2/96', address6: 'fd00:45::3' })
    expect(resolveSpecs([narrower], { ...facts(own), previous })[0]?.ipv6?.prefixLength).toBe(96)
  })
})

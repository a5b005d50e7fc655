import { describe, expect, test } from 'bun:test'
import { resolveSpec } from './resolve.ts'
import { specOf } from './spec-of.ts'
import { faultOf, plainFacts, plainSpec } from './test-support.ts'
import type { SpaceSpec } from './types.ts'

const facts = {
  ...plainFacts,
  taken: [{ prefix: '192.168.1.0/24', why: 'route dev eth0' }],
  taken6: () => [{ prefix: '2001:db8::/64', why: 'route dev eth0' }],
  linkNames: new Set<string>(),
}
const cable6 = { address: 'fd10::5', gateway: 'fd10::1', subnet: 'fd10::/64' }
const routed = { address: '10.88.0.5', gateway: '10.88.0.1/32', subnet: '10.88.0.0/16' }
const spec = (rest: Partial<SpaceSpec>): SpaceSpec => ({ ...plainSpec, name: 'web', ipv6: 'on', ...rest })

describe('addresses that are named', () => {
  test('are as they are asked for, each end with a route to the other, and the same when they are asked for again', () => {
    const further = [
      { address: '10.89.0.5', gateway: '10.89.0.1', subnet: '10.89.0.0/16' },
      { address: 'fd11::5', gateway: 'fd11::1', subnet: 'fd11::/64' },
    ]
    const all = spec({ ...routed, cable6, further, group: 7, accept: ['10.0.0.0/8'], untranslated: ['::/0'] })
    const space = resolveSpec(all, facts)
    expect(space).toMatchObject({
      ...{ address: '10.88.0.5', gateway: '10.88.0.1', network: '10.88.0.5/32', subnet: '10.88.0.0/16' },
      ipv6: { ...cable6, prefixLength: 128, network: 'fd10::5/128' },
      ...{ further, group: 7, accept: ['10.0.0.0/8'], untranslated: ['::/0'] },
    })
    const kept = [...facts.taken, { prefix: '10.89.0.5/32', why: 'route dev veth-web' }]
    const here = () => [{ prefix: 'fd10::5/128', why: 'route dev veth-web' }]
    expect(resolveSpec(specOf(space), { ...facts, taken: kept, taken6: here, previous: space })).toEqual(
      space,
    )
  })

  test('may be of IPv6 alone, and take nothing of the pool then', () => {
    const space = resolveSpec(spec({ cable6 }), facts)
    expect(space).toMatchObject({ address: '', gateway: '', network: '', ipv6: { address: 'fd10::5' } })
    expect(resolveSpec(specOf(space), { ...facts, previous: space })).toEqual(space)
  })

  test('must be nobody else’s', () => {
    const of = (address: string, subnet: string) => ({ address, gateway: 'fd99::1', subnet })
    const cases: [Partial<SpaceSpec>, string][] = [
      [{ cable6: of('2001:db8::5', '2001:db8::/64') }, '2001:db8::/64'],
      [{ ...routed, further: [of('2001:db8::5', '2001:db8::/64')] }, '2001:db8::/64'],
      [
        {
          ...routed,
          further: [{ address: '192.168.1.9', gateway: '192.168.1.8', subnet: '192.168.1.0/24' }],
        },
        '192.168.1.0/24',
      ],
    ]
    for (const [rest, taken] of cases) {
      const fault = faultOf(() => resolveSpec(spec(rest), facts))
      expect({ code: fault.code, why: fault.why }).toEqual({
        code: 'OVERLAP',
        why: expect.stringContaining(`overlaps ${taken}`),
      })
    }
  })
})

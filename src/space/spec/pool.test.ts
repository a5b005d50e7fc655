import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { prefixesOverlap } from '../../linux/net/prefix.ts'
import { choosePair, createPool, DEFAULT_POOLS, findOverlap } from './pool.ts'
import { faultOf } from './test-support.ts'

const route = (prefix: string) => ({ prefix, why: `route ${prefix}` })

describe('choosePair', () => {
  test('on an empty host: the first /30', () => {
    expect(choosePair({ taken: [] })).toEqual({
      gateway: '10.200.0.1',
      address: '10.200.0.2',
      prefixLength: 30,
      network: '10.200.0.0/30',
    })
  })

  test.each([
    [['0.0.0.0/0', '::/0', 'fd00::/8', '192.168.1.0/24'], '10.200.0.0/30'],
    [['0.0.0.0/1', '128.0.0.0/1'], '10.200.0.0/30'],
    [['10.200.0.2/32'], '10.200.0.4/30'],
    [['10.200.0.3'], '10.200.0.4/30'],
    [['10.200.0.1/24'], '10.200.1.0/30'],
    [['10.200.0.0/30', '10.200.0.8/30'], '10.200.0.4/30'],
    [['10.192.0.0/10'], '172.30.0.0/30'],
    [['10.0.0.0/8', '172.16.0.0/12'], '192.168.192.0/30'],
    [['10.0.0.0/8', '172.30.0.0/16', '192.168.0.0/16'], '172.31.0.0/30'],
    [['10.200.0.0/16', '10.201.0.0/17'], '10.201.128.0/30'],
  ])('beside %j: %s', (taken, network) => {
    expect(choosePair({ taken: taken.map(route) }).network).toBe(network)
  })

  test('a full pool is told with what blocks each part of it', () => {
    const taken = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(route)
    const fault = faultOf(() => choosePair({ taken }))
    expect([fault.code, fault.exit]).toEqual(['POOL_FULL', 1])
    expect(fault.evidence).toHaveLength(DEFAULT_POOLS.length)
    expect(fault.evidence[0]).toBe('10.200.0.0/16 is blocked by 10.0.0.0/8 (route 10.0.0.0/8)')
  })

  test('the evidence stays short, the largest first', () => {
    const taken = ['10.0.0.0/30', '10.0.0.4/30', '10.0.0.8/30', '10.0.0.12/30', '10.0.0.0/29'].map(route)
    expect(faultOf(() => choosePair({ taken, pools: ['10.0.0.0/28'] })).evidence).toEqual([
      '10.0.0.0/28 is blocked by 10.0.0.0/29 (route 10.0.0.0/29), 10.0.0.0/30 (route 10.0.0.0/30), 10.0.0.4/30 (route 10.0.0.4/30) and 2 more',
    ])
  })

  test('a malformed fact is a mistake of the caller', () => {
    for (const prefix of ['10.0.0.0/33', '10.0.0.0/', 'x', '10.0.0/8']) {
      expect(() => createPool([route(prefix)])).toThrow(RangeError)
    }
  })
})

describe('createPool', () => {
  test('takes each block once, to the last', () => {
    const pool = createPool([], ['10.0.0.0/29', '10.9.0.0/30'])
    expect([pool.take(), pool.take(), pool.take()].map(pair => pair.network)).toEqual([
      '10.0.0.0/30',
      '10.0.0.4/30',
      '10.9.0.0/30',
    ])
    expect(faultOf(() => pool.take()).code).toBe('POOL_FULL')
    expect(faultOf(() => pool.take()).code).toBe('POOL_FULL')
  })

  test('a claim counts from then on, in front of the cursor and behind it', () => {
    const pool = createPool([])
    pool.claim('10.200.0.4/30', 'space a')
    expect(pool.take().network).toBe('10.200.0.0/30')
    expect(pool.take().network).toBe('10.200.0.8/30')
    expect(pool.findOverlap('10.200.0.0/24')?.prefix).toBe('10.200.0.4/30')
    expect(pool.findOverlap('10.200.0.4/30', '10.200.0.4/30')).toBeUndefined()
    expect(pool.findOverlap('10.200.1.0/24')).toBeUndefined()
  })

  const octet = fc.integer({ min: 0, max: 255 })
  const takenPrefix = fc
    .tuple(fc.constantFrom(200, 201, 202), octet, octet, fc.integer({ min: 14, max: 32 }))
    .map(([b, c, d, length]) => `10.${b}.${c}.${d}/${length}`)

  test('never gives what overlaps, and gives the first that does not', () => {
    fc.assert(
      fc.property(
        fc.array(takenPrefix, { maxLength: 30 }),
        fc.array(takenPrefix, { maxLength: 5 }),
        (taken, claims) => {
          const pool = createPool(taken.map(route))
          const inUse = [...taken]
          for (let i = 0; i < 20; i++) {
            const { network } = pool.take()
            expect(inUse.filter(prefix => prefixesOverlap(prefix, network))).toEqual([])
            inUse.push(network)
            const claim = claims[i]
            if (claim === undefined) continue
            pool.claim(claim, 'claimed')
            inUse.push(claim)
          }
        },
      ),
    )
  })

  test('finds the overlaps that a comparison with each finds', () => {
    fc.assert(
      fc.property(fc.array(takenPrefix, { maxLength: 20 }), takenPrefix, (taken, wanted) => {
        const slow = taken.some(prefix => prefixesOverlap(prefix, wanted))
        expect(findOverlap(wanted, taken.map(route)) !== undefined).toBe(slow)
        expect(createPool(taken.map(route)).findOverlap(wanted) !== undefined).toBe(slow)
      }),
    )
  })

  test('5,000 more beside 5,000 scattered ones', () => {
    const taken = Array.from({ length: 5000 }, (_, i) =>
      route(`10.${200 + (i % 5)}.${(i >> 5) & 255}.${(i * 8) & 255}/30`),
    )
    const pool = createPool(taken)
    const networks = new Set(Array.from({ length: 5000 }, () => pool.take().network))
    expect(networks.size).toBe(5000)
  })
})

test('an overlap names the most specific route, and a default route is none', () => {
  const taken = ['0.0.0.0/0', '10.0.0.0/8', '10.5.0.0/16', '10.5.6.0/24'].map(route)
  expect(findOverlap('10.5.0.0/30', taken)).toEqual(route('10.5.0.0/16'))
  expect(findOverlap('11.0.0.0/24', taken)).toBeUndefined()
})

import { describe, expect, test } from 'bun:test'
import { base, table } from '../../../../test/support/predict-facts.ts'
import {
  accept,
  drop,
  inSet,
  ip,
  ip6,
  limit,
  match,
  meta,
  type Ruleset,
  range,
  type Statement,
  set,
  type Table,
  tcp,
  th,
} from '../index.ts'
import { asState } from '../sets/set-fields.ts'
import { evaluateHook } from './hook.ts'
import type { Packet } from './packet.ts'

/** What is known of a packet beside addresses and ports, and what rules make of it. */

const rulesetOf = (...tables: Table[]): Ruleset => ({ generation: 1, tables })
const packet: Packet = {
  family: 4,
  iifname: 'veth1',
  oifname: 'eth0',
  source: '10.0.0.2',
  destination: '198.51.100.7',
  protocol: 6,
  destinationPort: 80,
  ttl: 64,
  dscp: 0,
  ctState: 'new',
}
const forward = (rules: Statement[][], more: Partial<Packet> = {}) =>
  evaluateHook(
    rulesetOf(table('t', [[base('forward'), ...rules]])),
    { hook: 'forward' },
    { ...packet, ...more },
  )

describe('headers that rules change', () => {
  test('are known afterwards, and the fields beside them are as they were', () => {
    const { after } = forward([[set(ip('ttl'), 12)], [set(tcp('dport'), 8080)]])
    expect(after).toMatchObject({ ttl: 12, dscp: 0, destinationPort: 8080, protocol: 6, source: '10.0.0.2' })
    expect(forward([[set(ip('ttl'), 12)], [match(ip('ttl'), 12), drop()]]).verdict).toBe('drop')
  })

  test('bit by bit: what nft makes of `ip dscp set ef`', () => {
    const mine = table('t', [[base('forward')]])
    mine.chains[0]?.rules.push({
      handle: 99n,
      instructions: [
        { name: 'payload', data: { dreg: 1, base: 'network', offset: 0, length: 2 } },
        {
          name: 'bitwise',
          data: {
            sreg: 1,
            dreg: 1,
            length: 2,
            mask: { value: Uint8Array.of(0xff, 0x03) },
            xor: { value: Uint8Array.of(0, 0xb8) },
          },
        },
        { name: 'payload', data: { sreg: 1, base: 'network', offset: 0, length: 2 } },
      ],
    })
    const { after } = evaluateHook(rulesetOf(mine), { hook: 'forward' }, packet)
    expect(after).toEqual({ ...packet, dscp: 46 })
  })

  test('of IPv6 too', () => {
    const six = { family: 6, source: 'fd00::2', destination: '2001:db8::1' } as const
    const { after } = forward([[set(ip6('hoplimit'), 7)]], six)
    expect(after).toMatchObject({ ttl: 7, dscp: 0, source: 'fd00::2', destination: '2001:db8::1' })
  })

  test('are not known where what is written is not', () => {
    const { after } = forward([[set(ip('ttl'), meta('mark'))]])
    expect(after).not.toHaveProperty('ttl')
    expect(after).toMatchObject({ protocol: 6 })
  })
})

describe('a port of which only the range is known', () => {
  const verdictOf = (first: number, last: number): string =>
    forward([[match(th('sport'), range(first, last)), drop()]], {
      sourcePorts: { first: 32_768, last: 60_999 },
    }).verdict

  test('is in what holds all of it, and not in what holds none', () => {
    expect(verdictOf(1024, 65_535)).toBe('drop')
    expect(verdictOf(1, 1023)).toBe('accept')
    expect(verdictOf(40_000, 40_010)).toBe('unknown')
  })
})

describe('rules of which it is not known whether they apply', () => {
  const unsure = rulesetOf(table('t', [[base('forward'), [limit(5, 'second'), drop()]]]))

  test('name the instruction, and can be taken to apply or not', () => {
    const ask = (applies: boolean | undefined) =>
      evaluateHook(unsure, { hook: 'forward', assume: () => applies }, packet)
    const [step] = ask(undefined).steps
    expect(step?.visits).toMatchObject([{ match: 'unknown', unsure: [0] }])
    expect(ask(undefined).verdict).toBe('unknown')
    expect(ask(true)).toMatchObject({ verdict: 'drop', decidedBy: { rule: { index: 0 } } })
    expect(ask(false)).toMatchObject({ verdict: 'accept', decidedBy: { rule: 'policy' } })
  })

  test('say what they said where it is certain', () => {
    const { steps } = forward([[set(meta('mark'), 1)], [match(tcp('dport'), 80), accept()]])
    expect(steps[0]?.visits.map(({ verdict }) => verdict?.name)).toEqual(['continue', 'accept'])
  })
})

test('what one hook has written to a set is not known at the next', () => {
  const seen = asState({ name: 'seen', key: ['ipv4_addr'], flags: { dynamic: true } })
  const asks = rulesetOf(
    table('t', [[base('forward'), [match(ip('saddr'), inSet('seen')), accept()], [drop()]]], {
      sets: [seen],
    }),
  )
  const verdictOf = (written: string[]) =>
    evaluateHook(asks, { hook: 'forward', written: new Set(written) }, packet).verdict
  expect(verdictOf([])).toBe('drop')
  expect(verdictOf(['inet t seen'])).toBe('unknown')
})

test('the hooks of links are those of their own devices', () => {
  const dev = rulesetOf(
    table('dev', [[{ ...base('ingress'), devices: ['eth0'] }, [match(ip('saddr'), '10.0.0.2'), drop()]]], {
      family: 'netdev',
    }),
  )
  const verdictAt = (device: string) => evaluateHook(dev, { hook: 'ingress', device }, packet)
  expect(verdictAt('eth0')).toMatchObject({ verdict: 'drop' })
  expect(verdictAt('eth1').steps).toEqual([])
})

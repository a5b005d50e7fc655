import { expect, test } from 'bun:test'
import { base, facts, table } from '../../../test/support/predict-facts.ts'
import { type Instruction, masquerade, match, meta } from '../../linux/nftables/index.ts'
import { predict } from './predict.ts'

const nat = table('nat', [[base('postrouting', 100, 'nat'), [match(meta('oifname'), 'eth0'), masquerade()]]])

/** The end of an echo where such instructions stand in front of connection tracking. */
const endWith = (...rules: Instruction[][]) => {
  const raw = table('raw', [[base('prerouting', -300)]])
  for (const [index, instructions] of rules.entries())
    raw.chains[0]?.rules.push({ handle: BigInt(900 + index), instructions })
  return predict(facts({ host: [nat, raw] }), {
    family: 4,
    protocol: 'icmp',
    destination: '198.51.100.7',
    sourcePort: 1,
  }).end
}

const zone = (number: number): Instruction[] => [
  { name: 'immediate', data: { dreg: 1, data: { value: Uint8Array.of(number, 0) } } },
  { name: 'ct', data: { key: 'zone', sreg: 1 } },
]
const from = (name: string): Instruction[] => {
  const [only] = table('names', [[base('forward'), [match(meta('iifname'), name)]]]).chains
  return only?.rules[0]?.instructions ?? []
}

test('an answer of the same zone belongs to the request', () => {
  expect(endWith(zone(5)).outcome).toBe('delivered')
})

test('of another zone, or of one that is not written down, it may not', () => {
  const reason =
    'the answer would come back, and rules may put it into another zone of connection tracking than the request (ct zone)'
  expect(endWith([...from('veth1'), ...zone(5)])).toMatchObject({ outcome: 'unknown', reason })
  const chosen: Instruction[] = [
    { name: 'meta', data: { dreg: 1, key: 'mark' } },
    { name: 'ct', data: { key: 'zone', sreg: 1 } },
  ]
  expect(endWith(chosen).outcome).toBe('unknown')
  const target: Instruction = {
    name: 'target',
    data: { name: 'CT', revision: 2, info: Uint8Array.of(0, 0, 7, 0) },
  }
  expect(endWith([target]).outcome).toBe('delivered')
  expect(endWith([...from('veth1'), target]).outcome).toBe('unknown')
})

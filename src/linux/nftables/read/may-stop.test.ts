import { describe, expect, test } from 'bun:test'
import { Writer } from '../../netlink/writer.ts'
import type { Instruction } from '../expressions/index.ts'
import { ruleExpressions } from '../messages/rule.ts'
import { mayStop } from './may-stop.ts'
import type { Chain, RuleState, Table } from './model.ts'

/** As it is read from the kernel. */
const rule = (...instructions: Instruction[]): RuleState => {
  const writer = new Writer()
  ruleExpressions.encode(writer, instructions)
  return { handle: 1n, instructions, encoded: writer.bytes.slice() }
}

const verdict = (code: number, chain?: string): Instruction => ({
  name: 'immediate',
  data: { dreg: 0, data: { verdict: chain === undefined ? { code } : { code, chain } } },
})

const match: Instruction[] = [
  { name: 'meta', data: { key: 'iifname', dreg: 1 } },
  { name: 'cmp', data: { sreg: 1, operator: '==', data: { value: new Uint8Array([1]) } } },
  { name: 'counter', data: { packets: 1n, bytes: 1n } },
]

const tableOf = (chains: Record<string, RuleState[]>, policy: 'accept' | 'drop' = 'accept'): Table => ({
  ...{ family: 'ip', name: 'filter', handle: 1n, flags: [], sets: [], objects: [], flowtables: [] },
  chains: Object.entries(chains).map(([name, rules], index): Chain => {
    const base = { type: 'filter', hook: 'forward', priority: 0, policy } as const
    return { name, handle: BigInt(index), ...(index === 0 ? base : {}), rules }
  }),
})

const asked = (chains: Record<string, RuleState[]>, policy?: 'drop'): boolean => {
  const table = tableOf(chains, policy)
  return mayStop(table, table.chains[0] as Chain)
}

const [drop, accept, queue, jump, goTo, back] = [0, 1, 3, -3, -4, -5]

describe('a chain may stop a packet', () => {
  test('by its policy, or by a verdict of its own', () => {
    expect(asked({ FORWARD: [] }, 'drop')).toBe(true)
    expect(asked({ FORWARD: [rule(...match, verdict(drop))] })).toBe(true)
    expect(asked({ FORWARD: [rule(...match, verdict(queue))] })).toBe(true)
  })

  test('by a chain that it leads to, however far, and not by one that nothing leads to', () => {
    const one = rule(...match, verdict(jump, 'one'))
    const two = rule(verdict(goTo, 'two'))
    expect(asked({ FORWARD: [one], one: [two], two: [rule(verdict(drop))] })).toBe(true)
    expect(asked({ FORWARD: [one], one: [], two: [rule(verdict(drop))] })).toBe(false)
    // Chains cannot lead in a circle in a kernel; here it would have to end all the same.
    expect(asked({ FORWARD: [one], one: [two], two: [one] })).toBe(false)
  })

  test('by whatever is not known: targets, maps of verdicts, rules that were not read from a kernel', () => {
    for (const instruction of [
      { name: 'reject', data: { type: 'icmp', code: 3 } },
      { name: 'other', kernelName: 'news', raw: new Uint8Array([1]) },
      { name: 'lookup', data: { set: '__map0', sreg: 1, dreg: 0 } },
      { name: 'target', data: { name: 'DROP', revision: 0, info: new Uint8Array() } },
    ] as Instruction[])
      expect(asked({ FORWARD: [rule(...match, instruction)] })).toBe(true)
    expect(asked({ FORWARD: [{ handle: 1n, instructions: [verdict(accept)] }] })).toBe(true)
  })

  test('and not where all that it has is to accept, to count and to go back', () => {
    const rules = [rule(...match, verdict(accept)), rule(...match), rule(verdict(back))]
    expect(asked({ FORWARD: [...rules, rule(verdict(jump, 'one'))], one: rules })).toBe(false)
    // A value that is put into another register is no verdict.
    expect(
      asked({
        FORWARD: [rule({ name: 'immediate', data: { dreg: 1, data: { value: new Uint8Array(4) } } })],
      }),
    ).toBe(false)
  })
})

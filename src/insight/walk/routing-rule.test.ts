import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../linux/rtnetlink/rule.ts'
import { type RuleQuestion, ruleApplies, ruleOfRoute } from './routing-rule.ts'

const rule = (facts: Partial<Rule>): Rule => ({
  family: 4,
  priority: 100,
  source: 'all',
  destination: 'all',
  inputName: undefined,
  outputName: undefined,
  mark: undefined,
  markMask: undefined,
  table: 254,
  action: 1,
  inverted: false,
  ...facts,
})
const packet: RuleQuestion = {
  family: 4,
  source: '10.0.0.2',
  destination: '192.168.1.15',
  input: 'veth1',
  mark: 0x15,
}

test('a rule applies when all that it asks for is so', () => {
  const cases: [Partial<Rule>, boolean | 'unknown'][] = [
    [{}, true],
    [{ family: 6 }, false],
    [{ source: '10.0.0.0/24' }, true],
    [{ source: '10.0.1.0/24' }, false],
    [{ source: '10.0.1.0/24', inverted: true }, true],
    [{ destination: '192.168.1.15/32', inputName: 'veth1' }, true],
    [{ inputName: 'lo' }, false],
    [{ outputName: 'eth0' }, false],
    [{ mark: 0x15, markMask: 0xffffffff }, true],
    [{ mark: 0x5, markMask: 0xf }, true],
    [{ mark: 0x6, markMask: 0xf }, false],
    [{ otherConditions: ['ipproto'] }, 'unknown'],
    [{ otherConditions: ['ipproto'], inputName: 'lo' }, false],
    [{ otherConditions: ['tos'], inverted: true }, 'unknown'],
  ]
  expect(cases.map(([facts]) => ruleApplies(rule(facts), packet))).toEqual(cases.map(([, answer]) => answer))
  expect(ruleApplies(rule({ source: '10.0.0.0/24' }), { ...packet, source: undefined })).toBe('unknown')
})

describe('the rule of a route', () => {
  const local = rule({ priority: 0, table: 255 })
  const main = rule({ priority: 32766 })
  const standard = [local, main, rule({ priority: 32767, table: 253 })]

  test('is the first that applies and leads to its table', () => {
    expect(ruleOfRoute(standard, packet, 254)).toEqual({ rule: main })
    expect(ruleOfRoute(standard.toReversed(), packet, 255)).toEqual({ rule: local })
    const own = rule({ priority: 5, mark: 0x15, table: 77 })
    expect(ruleOfRoute([...standard, own], packet, 77)).toEqual({ rule: own })
    expect(ruleOfRoute([rule({ priority: 1, action: 8 }), ...standard], packet, 254)).toEqual({ rule: main })
  })

  test('is not known where an earlier one may have been it, or a rule goes on at another', () => {
    const maybe = rule({ priority: 9, otherConditions: ['suppress_prefixlength'] })
    expect(ruleOfRoute([maybe, ...standard], packet, 254)).toEqual({
      rule: undefined,
      why: 'rules ask for what is not known here: suppress_prefixlength',
      candidates: [maybe, main],
    })
    expect(ruleOfRoute([rule({ priority: 9, action: 2 }), ...standard], packet, 254)).toMatchObject({
      rule: undefined,
      why: 'the rule of priority 9 goes on at another',
    })
    expect(ruleOfRoute(standard, packet, 99)).toEqual({
      rule: undefined,
      why: 'no rule leads to its table',
      candidates: [],
    })
  })
})

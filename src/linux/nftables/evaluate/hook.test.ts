import { describe, expect, test } from 'bun:test'
import {
  accept,
  type Chain,
  type ChainSpec,
  compile,
  counter,
  ct,
  drop,
  goTo,
  inSet,
  ip,
  jump,
  leave,
  limit,
  match,
  meta,
  type NamedSet,
  notInSet,
  type Ruleset,
  redirect,
  reject,
  rule,
  type SetElement,
  type Statement,
  set,
  type Table,
  tcp,
} from '../index.ts'
import { asState } from '../sets/set-fields.ts'
import { evaluateHook } from './hook.ts'
import type { Outcome } from './outcome.ts'
import type { Packet } from './packet.ts'

/** Rulesets out of our own statements, and what happens at the forward hook of some of them. */

type ChainOf = [ChainSpec, ...Statement[][]]

let handles = 0n

const table = (name: string, chains: ChainOf[], more: Partial<Table> = {}): Table => ({
  family: 'inet',
  name,
  handle: ++handles,
  flags: [],
  sets: [],
  objects: [],
  flowtables: [],
  chains: chains.map(([spec, ...rules]): Chain => {
    const made = rules.map(statements => ({
      handle: ++handles,
      instructions: compile(rule(statements), 'inet'),
    }))
    return { ...spec, handle: ++handles, rules: made }
  }),
  ...more,
})

const base = (policy: 'accept' | 'drop', priority = 0, name = 'forward'): ChainSpec => ({
  name,
  type: 'filter',
  hook: 'forward',
  priority,
  policy,
})

const rulesetOf = (...tables: Table[]): Ruleset => ({ generation: 1, tables })

const packet: Packet = {
  family: 4,
  iifname: 'veth1',
  oifname: 'eth0',
  source: '192.168.45.3',
  protocol: 6,
  destinationPort: 80,
  ctState: 'new',
}

const forward = (ruleset: Ruleset, more: Partial<Packet> = {}): Outcome =>
  evaluateHook(ruleset, { hook: 'forward' }, { ...packet, ...more })

/** Chain and index of who decided. */
const by = ({ decidedBy }: Pick<Outcome, 'decidedBy'>): string | undefined =>
  decidedBy === undefined
    ? undefined
    : `${decidedBy.chain} ${decidedBy.rule === 'policy' ? 'policy' : decidedBy.rule.index}`

const unknownMatch = match(ip('daddr'), '192.0.2.1')

describe('definite rules', () => {
  test('the first verdict ends the chain, else its policy', () => {
    const ruleset = rulesetOf(
      table('t', [[base('drop'), [counter()], [match(tcp('dport'), 80), accept()], [reject()]]]),
    )
    expect(forward(ruleset).verdict).toBe('accept')
    expect(by(forward(ruleset))).toBe('forward 1')
    expect(by(forward(ruleset, { destinationPort: 81 }))).toBe('forward 2')
    expect(by(forward(rulesetOf(table('t', [[base('drop')]]))))).toBe('forward policy')
  })

  test('jump comes back, goto comes back to where the last jump was', () => {
    const ruleset = rulesetOf(
      table('t', [
        [base('accept'), [jump('a')], [drop()]],
        [{ name: 'a' }, [goTo('b')], [accept()]],
        [{ name: 'b' }, [match(tcp('dport'), 80), leave()], [reject()]],
      ]),
    )
    expect(by(forward(ruleset))).toBe('forward 1')
    expect(by(forward(ruleset, { destinationPort: 1 }))).toBe('b 1')
  })

  test('an accept ends its own chain only, and the lower priority comes first', () => {
    const ruleset = rulesetOf(
      table('late', [[base('drop', 10, 'late')]]),
      table('early', [[base('accept', -10, 'early'), [accept()]]]),
      table('asleep', [[base('drop', -20, 'asleep')]], { flags: ['dormant'] }),
      table('of another family', [[base('drop', -30, 'other')]], { family: 'ip6' }),
    )
    const outcome = forward(ruleset)
    expect(outcome.steps.map(({ chain, verdict }) => `${chain} ${verdict}`)).toEqual([
      'early accept',
      'late drop',
    ])
    expect(outcome).toMatchObject({ verdict: 'drop', passes: false })
    expect(by(outcome)).toBe('late policy')
    const only = evaluateHook(ruleset, { hook: 'forward', chains: ({ name }) => name === 'early' }, packet)
    expect(only.verdict).toBe('accept')
  })

  test('a mark set by one rule is seen by the next', () => {
    const ruleset = rulesetOf(
      table('t', [[base('drop'), [set(meta('mark'), 5)], [match(meta('mark'), 5), accept()]]]),
    )
    expect(forward(ruleset)).toMatchObject({ verdict: 'accept', after: { mark: 5 } })
  })

  test('a chain that leads to itself ends as unknown', () => {
    const ruleset = rulesetOf(
      table('t', [
        [base('accept'), [jump('a')]],
        [{ name: 'a' }, [jump('a')]],
      ]),
    )
    expect(forward(ruleset)).toMatchObject({ verdict: 'unknown', passes: 'unknown' })
  })
})

describe('rules of which it is not known whether they apply', () => {
  test('make the verdict unknown where they would decide otherwise, and are named', () => {
    const ruleset = rulesetOf(table('t', [[base('drop'), [unknownMatch, accept()], [counter()]]]))
    const outcome = forward(ruleset)
    expect(outcome).toMatchObject({ verdict: 'unknown', passes: 'unknown' })
    expect(outcome.decidedBy).toBeUndefined()
    expect(outcome.maybe.map(({ rule: { index } }) => index)).toEqual([0])
    expect(outcome.steps[0]?.otherwise).toMatchObject({ verdict: 'drop', by: { rule: 'policy' } })
  })

  test('do not matter where all ways agree', () => {
    const ruleset = rulesetOf(
      table('t', [[base('drop'), [unknownMatch, drop()], [unknownMatch, jump('a')]], [{ name: 'a' }]]),
    )
    expect(forward(ruleset)).toMatchObject({ verdict: 'drop', passes: false, maybe: [] })
  })

  test('leave open how a packet is stopped, but not that it is', () => {
    const ruleset = rulesetOf(table('t', [[base('drop'), [unknownMatch, reject()]]]))
    expect(forward(ruleset)).toMatchObject({ verdict: 'unknown', passes: false })
  })

  test('do not matter behind a certain verdict, nor in a chain in front of one that drops', () => {
    const certain = rulesetOf(table('t', [[base('drop'), [accept()], [unknownMatch, drop()]]]))
    expect(forward(certain).verdict).toBe('accept')
    const two = rulesetOf(
      table('one', [[base('drop', -1), [unknownMatch, accept()]]]),
      table('two', [[base('drop', 1, 'second')]]),
    )
    expect(forward(two).verdict).toBe('drop')
  })

  test('a jump that may happen: what it leads to may happen', () => {
    const ruleset = rulesetOf(
      table('t', [
        [base('accept'), [unknownMatch, jump('a')], [match(meta('mark'), 1), drop()]],
        [{ name: 'a' }, [set(meta('mark'), 1)]],
      ]),
    )
    expect(forward(ruleset, { mark: 0 })).toMatchObject({ verdict: 'unknown' })
    expect(forward(ruleset, { mark: 0 }).after.mark).toBeUndefined()
    expect(forward(ruleset, { mark: 0, destination: '10.0.0.1' }).verdict).toBe('accept')
  })

  test('a return that may happen: the end of a packet to which it does not apply is told', () => {
    const ruleset = rulesetOf(
      table('t', [
        [base('drop'), [jump('a')], [accept()]],
        [{ name: 'a' }, [unknownMatch, leave()], [reject()]],
      ]),
    )
    const { verdict, steps } = forward(ruleset)
    expect(verdict).toBe('unknown')
    expect(steps[0]?.possible.map(item => [item.verdict, item.plain])).toEqual([
      ['reject', true],
      ['accept', false],
    ])
    expect(steps[0]?.otherwise?.verdict).toBe('reject')
  })

  test('a rate may be kept or not', () => {
    const ruleset = rulesetOf(table('t', [[base('drop'), [limit(1, 'second'), accept()]]]))
    expect(forward(ruleset).verdict).toBe('unknown')
  })
})

describe('sets', () => {
  const named = (spec: NamedSet, elements: SetElement[]) => ({ ...asState(spec), elements })
  const nets = named({ name: 'nets', key: ['ipv4_addr'], flags: { interval: true } }, [
    { key: ['192.168.0.0/16'] },
    { key: [{ first: '10.0.0.5', last: '10.0.0.9' }] },
  ])
  const links = named({ name: 'links', key: ['ifname'] }, [{ key: ['veth1'] }])
  const wild = named({ name: 'wild', key: ['ifname'], flags: { interval: true } }, [
    { key: [{ beginning: 'veth' }] },
  ])
  const asks = (statement: Statement) =>
    rulesetOf(table('t', [[base('drop'), [statement, accept()]]], { sets: [nets, links, wild] }))

  test.each([
    [match(ip('saddr'), inSet(nets)), {}, 'accept'],
    [match(ip('saddr'), inSet(nets)), { source: '10.0.0.9' }, 'accept'],
    [match(ip('saddr'), inSet(nets)), { source: '10.0.0.10' }, 'drop'],
    [match(ip('saddr'), notInSet(nets)), { source: '10.0.0.10' }, 'accept'],
    [match(ip('daddr'), inSet(nets)), {}, 'unknown'],
    [match(meta('iifname'), inSet(links)), {}, 'accept'],
    [match(meta('oifname'), inSet(links)), {}, 'drop'],
    [match(meta('iifname'), inSet(wild)), { iifname: 'vethernet' }, 'accept'],
    [match(meta('iifname'), inSet(wild)), { iifname: 'vet' }, 'drop'],
    [match(ip('saddr'), inSet('missing')), {}, 'unknown'],
  ] as const)('%o of %o: %s', (statement, more, verdict) => {
    expect(forward(asks(statement), more).verdict).toBe(verdict)
  })
})

describe('nat chains', () => {
  const chainOf = (name: string, priority: number, ...rules: Statement[][]): ChainOf => [
    { name, type: 'nat', hook: 'prerouting', priority, policy: 'accept' },
    ...rules,
  ]
  const port = (number: number) => match(tcp('dport'), number)
  const ruleset = rulesetOf(
    table('later', [chainOf('b', -90, [port(80), redirect(2)])]),
    table('sooner', [
      chainOf('a', -100, [port(80), redirect(1)], [port(81), match(ct('mark'), 1), redirect(3)]),
    ]),
  )
  const prerouting = (more: Partial<Packet>) =>
    evaluateHook(ruleset, { hook: 'prerouting' }, { ...packet, ...more })

  test('the first that translates wins, and the packet goes on as it made it', () => {
    expect(prerouting({})).toMatchObject({
      verdict: 'accept',
      nat: { kind: 'redirect', port: 1, by: { chain: 'a' } },
      after: { destinationPort: 1, ctStatus: { dnat: true } },
    })
  })

  test('a translation that may happen is only possible', () => {
    const { nat, translations, after } = prerouting({ destinationPort: 81 })
    expect([nat, translations.map(item => item.port), after.destinationPort]).toEqual([
      undefined,
      [3],
      undefined,
    ])
  })

  test('are not asked for packets of a connection that exists', () => {
    expect(prerouting({ ctState: 'established' })).toMatchObject({ steps: [], translations: [] })
    const { ctState: _state, ...rest } = packet
    expect(evaluateHook(ruleset, { hook: 'prerouting' }, rest).nat).toBeUndefined()
  })
})

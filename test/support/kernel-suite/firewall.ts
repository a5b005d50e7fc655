import { expect, test } from 'bun:test'
import {
  accept,
  type ChainSpec,
  concat,
  counter,
  dnat,
  drop,
  GenerationChangedError,
  inSet,
  ip,
  mapLookup,
  match,
  meta,
  type NamedSet,
  type NftCommand,
  type Rule,
  rule,
  type SetElement,
  th,
} from '../../../src/linux/nftables/index.ts'
import type { NewStage, Stage } from './stage.ts'

const table = { family: 'inet', table: 't' } as const
const names: NamedSet = { name: 'names', key: ['ifname'] }
const ports: NamedSet = {
  name: 'ports',
  key: ['inet_proto', 'inet_service'],
  data: ['ipv4_addr', 'inet_service'],
}
const nets: NamedSet = { name: 'nets', key: ['ipv4_addr'], flags: { interval: true } }
const ranges: NamedSet = {
  name: 'ranges',
  key: ['inet_proto', 'inet_service'],
  data: ['ipv4_addr'],
  flags: { interval: true },
}

const addTable: NftCommand = { type: 'table.add', ...table }
const addSet = (set: NamedSet): NftCommand => ({ type: 'set.add', ...table, set })
const addChain = (chain: ChainSpec): NftCommand => ({ type: 'chain.add', ...table, chain })
const addRule = (chain: string, value: Rule): NftCommand => ({
  type: 'rule.add',
  ...table,
  chain,
  rule: value,
})
const elements = (
  type: 'element.add' | 'element.create' | 'element.delete',
  set: NamedSet,
  ...list: SetElement[]
): NftCommand => ({ type, ...table, set, elements: list })
const forward: ChainSpec = { name: 'forward', hook: 'forward', type: 'filter', priority: 0 }
const prerouting: ChainSpec = { name: 'prerouting', hook: 'prerouting', type: 'nat', priority: -90 }

const commit = (stage: Stage, where: string, commands: NftCommand[], generation?: number) =>
  stage.change({ type: 'nftables.commit', where, commands, generation })[0]

const keysOf = (stage: Stage, where: string, set: string): string[] =>
  (stage.kernel.ruleset(where, table).tables[0]?.sets.find(({ name }) => name === set)?.elements ?? [])
    .map(({ key, data }) => JSON.stringify([key, ...(data === undefined ? [] : [data])]))
    .sort()

const chainOf = (stage: Stage, where: string, name: string) =>
  stage.kernel.ruleset(where, table).tables[0]?.chains.find(chain => chain.name === name)

export function firewallTests(newStage: NewStage): void {
  test('what is committed is read back', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const commands = [
      addTable,
      ...[names, ports, nets, ranges].map(addSet),
      addChain(forward),
      addChain(prerouting),
      addRule('forward', rule([match(meta('iifname'), inSet('names')), counter(), accept()], 'a comment')),
      addRule('prerouting', rule([dnat('ip', mapLookup(concat(meta('l4proto'), th('dport')), ports))])),
      elements('element.add', names, { key: ['eth0'] }, { key: ['veth1'] }),
      elements('element.add', ports, { key: ['tcp', 8080], data: ['10.0.0.2', 80] }),
      elements(
        'element.add',
        nets,
        { key: ['10.0.0.0/8'] },
        { key: [{ first: '11.0.0.1', last: '11.0.0.6' }] },
      ),
      elements('element.add', ranges, { key: ['udp', { first: 9000, last: 9010 }], data: ['10.0.0.3'] }),
    ]
    expect(commit(stage, where, commands)).toBe('done')
    const { tables } = stage.kernel.ruleset(where)
    expect(tables.map(({ family, name, flags }) => ({ family, name, flags }))).toEqual([
      { family: 'inet', name: 't', flags: [] },
    ])
    expect(tables[0]?.sets.map(({ name, key, data, flags }) => ({ name, key, data, flags }))).toEqual(
      [names, ports, nets, ranges].map(({ name, key, data, flags }) => ({ name, key, data, flags })),
    )
    expect(keysOf(stage, where, 'names')).toEqual(['[["eth0"]]', '[["veth1"]]'])
    expect(keysOf(stage, where, 'ports')).toEqual(['[["tcp",8080],["10.0.0.2",80]]'])
    expect(keysOf(stage, where, 'nets')).toEqual([
      '[["10.0.0.0/8"]]',
      '[[{"first":"11.0.0.1","last":"11.0.0.6"}]]',
    ])
    expect(keysOf(stage, where, 'ranges')).toEqual(['[["udp",{"first":9000,"last":9010}],["10.0.0.3"]]'])
    const { handle: _, rules, ...chain } = chainOf(stage, where, 'forward') ?? { rules: [] }
    expect(chain).toEqual({ ...forward, policy: 'accept' } as typeof chain)
    expect(rules.map(({ comment }) => comment)).toEqual(['a comment'])
    expect(rules[0]?.instructions.map(({ name }) => name)).toEqual(['meta', 'lookup', 'counter', 'immediate'])
    expect(chainOf(stage, where, 'prerouting')?.rules.length).toBe(1)
    expect(stage.kernel.ruleset(undefined).tables).toEqual([])
  })

  test('a filter leaves the rest out', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const other = { family: 'ip', table: 'u' } as const
    expect(
      commit(stage, where, [
        addTable,
        addSet(names),
        elements('element.add', names, { key: ['a'] }),
        { type: 'table.add', ...other },
      ]),
    ).toBe('done')
    const read = (filter?: Parameters<Stage['kernel']['ruleset']>[1]) =>
      stage.kernel.ruleset(where, filter).tables.map(({ name }) => name)
    expect(read().sort()).toEqual(['t', 'u'])
    expect(read({ family: 'ip' })).toEqual(['u'])
    expect(read(table)).toEqual(['t'])
    expect(read({ family: 'ip', table: 't' })).toEqual([])
    expect(
      stage.kernel.ruleset(where, { elements: false }).tables.flatMap(({ sets }) => sets[0]?.elements ?? []),
    ).toEqual([])
  })

  test('lists of addresses can be left out', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const blocked = { name: 'blocked', key: ['ipv4_addr'] }
    const pairs = { name: 'pairs', key: ['ifname', 'ipv4_addr'] }
    expect(
      commit(stage, where, [
        addTable,
        ...[names, blocked, pairs].map(addSet),
        elements('element.add', names, { key: ['a'] }),
        elements('element.add', blocked, { key: ['10.0.0.1'] }),
        elements('element.add', pairs, { key: ['a', '10.0.0.1'] }),
      ]),
    ).toBe('done')
    const [found] = stage.kernel.ruleset(where, { elements: 'without-addresses' }).tables
    const counts = found?.sets.map(({ name, elements }) => [name, elements.length] as const) ?? []
    expect(Object.fromEntries(counts)).toEqual({ [names.name]: 1, blocked: 0, pairs: 1 })
  })

  test('of chains alone nothing else is read', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const commands = [addTable, addSet(names), addChain(forward), addRule('forward', rule([drop()]))]
    expect(commit(stage, where, commands)).toBe('done')
    const [found] = stage.kernel.ruleset(where, { only: 'chains' }).tables
    expect(found?.sets).toEqual([])
    expect(found?.chains.map(({ name, hook, policy, rules }) => ({ name, hook, policy, rules }))).toEqual([
      { name: 'forward', hook: 'forward', policy: 'accept', rules: [] },
    ])
  })

  test('a batch is carried out whole or not at all', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const before = stage.kernel.ruleset(where)
    const bad = elements('element.delete', names, { key: ['none'] })
    expect(commit(stage, where, [addTable, addSet(names), bad])).toBe('ENOENT')
    expect(stage.kernel.ruleset(where)).toEqual(before)
    expect(stage.kernel.writes).toBe(1)
  })

  test('the generation goes on with each batch, and guards against changes by others', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const { generation } = stage.kernel.ruleset(where)
    expect(stage.kernel.rulesetGeneration(where)).toBe(generation)
    expect(commit(stage, where, [addTable], generation)).toBe('done')
    expect(stage.kernel.rulesetGeneration(where)).toBe(generation + 1)
    const change = { type: 'nftables.commit', where, commands: [addSet(names)], generation } as const
    const [outcome] = stage.kernel.change([{ ...change, commands: [addSet(names)] }])
    expect(outcome).toMatchObject({ code: 'ERESTART' })
    expect((outcome as Error).cause).toBeInstanceOf(GenerationChangedError)
    expect(stage.kernel.ruleset(where).tables[0]?.sets).toEqual([])
    const other = stage.open()
    other.change([{ ...change, commands: [addChain(forward)], generation: generation + 1 }])
    expect(commit(stage, where, [addSet(names)], generation + 1)).toBe('ERESTART')
    expect(commit(stage, where, [addSet(names)], generation + 2)).toBe('done')
  })

  test('adding what is there is no error, creating it is', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const all = [addTable, addSet(names), addSet(ports), addSet(nets), addChain(forward)]
    expect(commit(stage, where, all)).toBe('done')
    expect(commit(stage, where, all)).toBe('done')
    const exists: NftCommand[] = [
      { type: 'table.create', ...table },
      { type: 'set.create', ...table, set: names },
      { type: 'chain.create', ...table, chain: forward },
      addSet({ ...names, key: ['ipv4_addr'] }),
    ]
    for (const command of exists)
      expect([command.type, commit(stage, where, [command])]).toEqual([command.type, 'EEXIST'])
    expect(commit(stage, where, [addChain({ ...forward, priority: 1 })])).toBe('EOPNOTSUPP')
    const one: SetElement = { key: ['eth0'] }
    expect(commit(stage, where, [elements('element.add', names, one)])).toBe('done')
    expect(commit(stage, where, [elements('element.add', names, one)])).toBe('done')
    expect(commit(stage, where, [elements('element.create', names, one)])).toBe('EEXIST')
    const port = (target: string): SetElement => ({ key: ['tcp', 80], data: [target, 80] })
    expect(commit(stage, where, [elements('element.add', ports, port('10.0.0.1'))])).toBe('done')
    expect(commit(stage, where, [elements('element.add', ports, port('10.0.0.1'))])).toBe('done')
    expect(commit(stage, where, [elements('element.add', ports, port('10.0.0.2'))])).toBe('EEXIST')
    expect(
      commit(stage, where, [
        elements('element.delete', ports, { key: ['tcp', 80] }),
        elements('element.add', ports, port('10.0.0.2')),
      ]),
    ).toBe('done')
    expect(keysOf(stage, where, 'ports')).toEqual(['[["tcp",80],["10.0.0.2",80]]'])
  })

  test('intervals do not overlap, and are deleted as they were added', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    expect(commit(stage, where, [addTable, addSet(nets), addSet(ranges)])).toBe('done')
    const net = (key: SetElement['key'][number]): SetElement => ({ key: [key] })
    const range = (first: number, last: number): SetElement => ({
      key: ['tcp', { first, last }],
      data: ['10.0.0.1'],
    })
    expect(
      commit(stage, where, [
        elements('element.add', nets, net('10.0.0.0/24'), net('10.0.1.0/24')),
        elements('element.add', ranges, range(100, 200)),
      ]),
    ).toBe('done')
    expect(keysOf(stage, where, 'nets')).toEqual(['[["10.0.0.0/24"]]', '[["10.0.1.0/24"]]'])
    expect(commit(stage, where, [elements('element.add', nets, net('10.0.0.128/25'))])).toBe('EEXIST')
    expect(commit(stage, where, [elements('element.add', ranges, range(150, 250))])).toBe('EEXIST')
    expect(commit(stage, where, [elements('element.add', ranges, range(201, 250))])).toBe('done')
    expect(commit(stage, where, [elements('element.delete', nets, net('10.0.0.0/25'))])).toBe('ENOENT')
    expect(commit(stage, where, [elements('element.delete', nets, net('10.0.0.0/24'))])).toBe('done')
    expect(commit(stage, where, [elements('element.delete', ranges, range(100, 200))])).toBe('done')
    expect(keysOf(stage, where, 'nets')).toEqual(['[["10.0.1.0/24"]]'])
    expect(keysOf(stage, where, 'ranges')).toEqual(['[["tcp",{"first":201,"last":250}],["10.0.0.1"]]'])
  })

  test('what is missing, in use or in the wrong place is refused', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const other = { family: 'inet', table: 'none' } as const
    const use = rule([match(meta('iifname'), inSet('names')), drop()])
    const setup = [addTable, addSet(names), addChain(forward), addChain(prerouting), addRule('forward', use)]
    expect(commit(stage, where, setup)).toBe('done')
    const cases: [string, NftCommand][] = [
      ['ENOENT', { type: 'table.delete', ...other }],
      ['ENOENT', { type: 'set.add', ...other, set: names }],
      ['ENOENT', { type: 'chain.add', ...other, chain: forward }],
      ['ENOENT', { type: 'chain.delete', ...table, chain: 'none' }],
      ['ENOENT', { type: 'set.delete', ...table, set: 'none' }],
      ['ENOENT', addRule('none', use)],
      ['ENOENT', addRule('forward', rule([match(meta('iifname'), inSet('none')), drop()]))],
      ['ENOENT', { type: 'rule.delete', ...table, chain: 'forward', handle: 4711n }],
      ['ENOENT', elements('element.add', { ...names, name: 'none' }, { key: ['a'] })],
      ['ENOENT', elements('element.delete', names, { key: ['a'] })],
      ['EBUSY', { type: 'set.delete', ...table, set: 'names' }],
      [
        'EOPNOTSUPP',
        addRule('forward', rule([match(ip('daddr'), '10.0.0.1'), dnat('ip', { address: '10.0.0.2' })])),
      ],
      ['EOPNOTSUPP', addChain({ ...prerouting, name: 'wrong', hook: 'forward' })],
    ]
    for (const [code, command] of cases)
      expect([command, commit(stage, where, [command])]).toEqual([command, code])
    expect(commit(stage, where, [{ type: 'chain.delete', ...table, chain: 'forward' }])).toBe('done')
    expect(commit(stage, where, [{ type: 'set.delete', ...table, set: 'names' }])).toBe('done')
    expect(commit(stage, where, [{ type: 'table.delete', ...table }])).toBe('done')
    expect(stage.kernel.ruleset(where).tables).toEqual([])
  })

  test('rules are put in their places, replaced, and deleted by handle, by comment and all together', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const verdict = (comment: string) => rule([accept()], comment)
    const comments = () => chainOf(stage, where, 'forward')?.rules.map(({ comment }) => comment)
    const handleOf = (comment: string) =>
      chainOf(stage, where, 'forward')?.rules.find(item => item.comment === comment)?.handle ?? 0n
    const at = { ...table, chain: 'forward' } as const
    commit(stage, where, [
      addTable,
      addChain(forward),
      addRule('forward', verdict('b')),
      addRule('forward', verdict('d')),
    ])
    commit(stage, where, [
      { type: 'rule.insert', ...at, rule: verdict('a') },
      { type: 'rule.add', ...at, rule: verdict('c'), position: handleOf('b') },
      { type: 'rule.add', ...at, rule: verdict('x') },
    ])
    expect(comments()).toEqual(['a', 'b', 'c', 'd', 'x'])
    commit(stage, where, [
      { type: 'rule.replace', ...at, rule: verdict('e'), handle: handleOf('x') },
      { type: 'rule.delete', ...at, handle: handleOf('b') },
      { type: 'rule.insert', ...at, rule: verdict('d'), position: handleOf('a') },
    ])
    expect(comments()).toEqual(['d', 'a', 'c', 'd', 'e'])
    const byComment = { type: 'nftables.delete-rules', where, ...at } as const
    expect(stage.change({ ...byComment, comment: 'd' })).toEqual(['done'])
    expect(comments()).toEqual(['a', 'c', 'e'])
    expect(
      stage.change({ ...byComment, comment: 'none' }, { ...byComment, comment: 'a', table: 'none' }),
    ).toEqual(['done', 'done'])
    commit(stage, where, [{ type: 'chain.flush', ...at }])
    expect(comments()).toEqual([])
  })

  test('a set is emptied, and a chain that others jump to stays', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    commit(stage, where, [
      addTable,
      addSet(names),
      elements('element.add', names, { key: ['a'] }, { key: ['b'] }),
      addChain({ name: 'side' }),
      addChain(forward),
      addRule('forward', rule([{ kind: 'verdict', verdict: 'jump', chain: 'side' }])),
    ])
    expect(commit(stage, where, [{ type: 'set.flush', ...table, set: 'names' }])).toBe('done')
    expect(keysOf(stage, where, 'names')).toEqual([])
    expect(commit(stage, where, [{ type: 'chain.delete', ...table, chain: 'side' }])).toBe('EBUSY')
    expect(commit(stage, where, [{ type: 'table.flush', ...table }])).toBe('done')
    expect(commit(stage, where, [{ type: 'chain.delete', ...table, chain: 'side' }])).toBe('done')
    expect(chainOf(stage, where, 'forward')?.rules).toEqual([])
  })
}

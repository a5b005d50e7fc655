/** What natspace writes into nf_tables, read again by nft(8): tables, sets, rules, batches, and what the kernel refuses. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createSocket } from 'node:dgram'
import { Connection } from '../../src/linux/netlink/connection.ts'
import {
  accept,
  BatchError,
  type Chain,
  commandText,
  commit,
  commitWithRetry,
  counter,
  decodeGeneration,
  drop,
  GenerationChangedError,
  inSet,
  ip as ipField,
  limit,
  log,
  match,
  meta,
  multicastGroups,
  type NamedSet,
  NETLINK_NETFILTER,
  type NftCommand,
  readGeneration,
  readRuleset,
  reject,
  rule,
  type SetElement,
  type Statement,
  set,
  tableText,
  tcp,
  traceMessage,
  traceOn,
  udp,
} from '../../src/linux/nftables/index.ts'
import { messageTypes } from '../../src/linux/nftables/messages/header.ts'
import {
  loopbackOnly,
  pool4,
  publish4,
  rulesetCommands,
  source4,
  spaces,
} from '../golden/nftables/ruleset.ts'
import { ip, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const nftTest = requireTool('nft')
const where = { family: 'inet', table: 'natspace' } as const

let connection: Connection
beforeEach(() => {
  connection = Connection.open(NETLINK_NETFILTER)
})
afterEach(() => {
  for (const { family, name } of readRuleset(connection, { elements: false }).tables)
    commit(connection, [{ type: 'table.delete', family, table: name }])
  connection[Symbol.dispose]()
})

const nft = (...args: string[]): string => run('nft', args)
const listed = (): string => nft('list', 'ruleset')

/** `nft -j list ruleset` without what differs between two rulesets of the same text. */
const asJson = (): unknown => {
  const text = JSON.stringify(JSON.parse(nft('-j', 'list', 'ruleset')), (key, value) =>
    key === 'handle' || key === 'metainfo' ? undefined : (value as unknown),
  )
  return JSON.parse(text)
}

const elements: NftCommand[] = [
  {
    type: 'element.add',
    ...where,
    set: publish4,
    elements: [
      { key: ['tcp', 8080], data: ['192.168.45.3', 80] },
      { key: ['udp', 53], data: ['192.168.45.3', 53] },
    ],
  },
  {
    type: 'element.add',
    ...where,
    set: pool4,
    elements: [
      { key: ['255.255.255.0/24'] },
      { key: ['10.0.0.0/8'] },
      { key: [{ first: '192.168.0.1', last: '192.168.0.7' }] },
    ],
  },
  { type: 'element.add', ...where, set: spaces, elements: [{ key: ['veth1'], comment: 'myspace' }] },
  { type: 'element.add', ...where, set: source4, elements: [{ key: ['veth1', '192.168.45.3'] }] },
  {
    type: 'element.add',
    ...where,
    set: loopbackOnly,
    elements: [{ key: ['tcp', { first: 80, last: 90 }] }, { key: ['udp', 53] }],
  },
]

const readTable = () => {
  const [table] = readRuleset(connection, { family: 'inet', table: 'natspace' }).tables
  if (table === undefined) throw new Error('The table is not there')
  return table
}

const chainOf = (name: string): Chain => {
  const chain = readTable().chains.find(candidate => candidate.name === name)
  if (chain === undefined) throw new Error(`There is no chain ${name}`)
  return chain
}

describe("natspace's table", () => {
  nftTest('is listed by nft as we print it', () => {
    commit(connection, [...rulesetCommands, ...elements])
    expect(tableText(readTable()).split('\n')).toEqual(listed().split('\n'))
  })

  nftTest('is the same when nft reads our text', () => {
    commit(connection, [...rulesetCommands, ...elements])
    const text = tableText(readTable())
    const made = asJson()
    nft('flush', 'ruleset')
    run('nft', ['-f', '-'], text)
    expect(asJson()).toEqual(made)
    expect(tableText(readTable())).toBe(text)
  })

  nftTest('is the same when nft carries out our commands as text', () => {
    commit(connection, [...rulesetCommands, ...elements])
    const made = asJson()
    nft('flush', 'ruleset')
    const script = [...rulesetCommands, ...elements].map(command => commandText(command).replace(/^nft /, ''))
    run('nft', ['-f', '-'], `${script.join('\n')}\n`)
    expect(asJson()).toEqual(made)
  })

  test('leaves nothing behind', () => {
    commit(connection, rulesetCommands)
    commit(connection, [{ type: 'table.delete', ...where }])
    expect(readRuleset(connection).tables).toEqual([])
  })
})

const base: NftCommand[] = [
  { type: 'table.add', ...where },
  { type: 'chain.add', ...where, chain: { name: 'c', hook: 'input', priority: 0 } },
  { type: 'chain.add', ...where, chain: { name: 'd' } },
]
const addRule = (...statements: Statement[]): NftCommand => ({
  type: 'rule.add',
  ...where,
  chain: 'c',
  rule: rule(statements),
})

describe('rules', () => {
  nftTest('of many kinds list as their natural text', () => {
    const marks: NamedSet = { name: 'marks', key: ['mark'], flags: { interval: true } }
    const expected: [string, ...Statement[]][] = [
      ['counter packets 0 bytes 0 accept', counter(), accept()],
      [
        'limit rate over 10/minute burst 7 packets drop',
        limit(10, 'minute', { burst: 7, over: true }),
        drop(),
      ],
      ['log prefix "x: " level info', log({ prefix: 'x: ', level: 'info' })],
      ['meta nftrace set 1', traceOn()],
      ['meta mark set 0x00000010', set(meta('mark'), 16)],
      ['ct mark set meta mark', set({ kind: 'ct', key: 'mark' }, meta('mark'))],
      ['reject', reject()],
      ['tcp dport 80 reject with tcp reset', match(tcp('dport'), 80), reject('tcp reset')],
      [
        'ip saddr 1.2.3.4 reject with icmp host-unreachable',
        match(ipField('saddr'), '1.2.3.4'),
        reject('icmp', 'host-unreachable'),
      ],
      [
        'ip saddr 10.0.0.0/12 ip daddr != 127.0.0.0/8',
        match(ipField('saddr'), '10.0.0.0/12'),
        match(ipField('daddr'), '127.0.0.0/8', '!='),
      ],
      [
        'udp dport 53 udp sport 1024-65535',
        match(udp('dport'), 53),
        match(udp('sport'), { kind: 'range', first: 1024, last: 65535 }),
      ],
      [
        'iifname "veth*" oifname "a\\\\*"',
        match(meta('iifname'), { kind: 'wildcard', beginning: 'veth' }),
        match(meta('oifname'), 'a*'),
      ],
      ['meta mark @marks', match(meta('mark'), inSet(marks))],
    ]
    commit(connection, [
      ...base,
      { type: 'set.add', ...where, set: marks },
      ...expected.map(([, ...statements]) => addRule(...statements)),
    ])
    const lines = nft('list', 'chain', 'inet', 'natspace', 'c')
      .split('\n')
      .map(line => line.trim())
    const texts = expected.map(([text]) => text.replaceAll('\\\\', '\\'))
    expect(lines.slice(3, 3 + texts.length)).toEqual(texts)
  })

  nftTest('are inserted, placed, replaced and deleted by handle', () => {
    const marked = (mark: number): Statement => set(meta('mark'), mark)
    const listOf = (): string[] =>
      nft('list', 'chain', 'inet', 'natspace', 'c')
        .match(/0x0000000\d/g)
        ?.map(text => text.slice(-1)) ?? []
    commit(connection, [...base, addRule(marked(1)), addRule(marked(2))])
    const [first, second] = chainOf('c').rules.map(({ handle }) => handle)
    if (first === undefined || second === undefined) throw new Error('The rules are not there')
    const at = { ...where, chain: 'c' } as const
    commit(connection, [
      { type: 'rule.insert', ...at, rule: rule([marked(3)]) },
      { type: 'rule.add', ...at, rule: rule([marked(4)]), position: first },
      { type: 'rule.insert', ...at, rule: rule([marked(5)]), position: second },
    ])
    expect(listOf()).toEqual(['3', '1', '4', '5', '2'])
    commit(connection, [
      { type: 'rule.replace', ...at, rule: rule([marked(6)], 'new'), handle: second },
      { type: 'rule.delete', ...at, handle: first },
    ])
    expect(listOf()).toEqual(['3', '4', '5', '6'])
    expect(chainOf('c').rules.at(-1)?.comment).toBe('new')
    commit(connection, [{ type: 'chain.flush', ...at }])
    expect(listOf()).toEqual([])
  })
})

describe('sets', () => {
  const portNumbers: NamedSet = { name: 'ports', key: ['inet_proto', 'inet_service'] }

  nftTest('of ten thousand elements go in one batch, and come back', () => {
    const many = Array.from(
      { length: 10_000 },
      (_, i): SetElement => ({ key: ['tcp', i], data: [`10.0.${i >> 8}.${i & 255}`, 80] }),
    )
    commit(connection, [
      { type: 'table.add', ...where },
      { type: 'set.add', ...where, set: publish4 },
      { type: 'element.add', ...where, set: publish4, elements: many },
    ])
    const found = readTable().sets[0]?.elements ?? []
    const byPort = (a: SetElement, b: SetElement) => Number(a.key[1]) - Number(b.key[1])
    expect(found.toSorted(byPort)).toEqual(many)
    commit(connection, [{ type: 'element.delete', ...where, set: publish4, elements: many.slice(1) }])
    expect(readTable().sets[0]?.elements).toEqual(many.slice(0, 1))
  })

  nftTest('that the kernel is just making larger are read whole', () => {
    const ports = Array.from({ length: 10_000 }, (_, port) => port)
    const elements = ports.map((port): SetElement => ({ key: ['tcp', port], data: ['10.0.0.1', 80] }))
    // Of a hundred readings one in twenty had some elements twice, and lacked others.
    for (let round = 0; round < 40; round++) {
      commit(connection, [
        { type: 'table.add', ...where },
        { type: 'set.add', ...where, set: publish4 },
        { type: 'element.add', ...where, set: publish4, elements },
      ])
      const found = readTable().sets[0]?.elements ?? []
      commit(connection, [{ type: 'table.delete', ...where }])
      expect(new Set(found.map(({ key }) => key[1])).size).toBe(ports.length)
    }
  })

  nftTest('of intervals can be changed by nft and by us in turn', () => {
    const add = (...keys: SetElement['key'][]): NftCommand => ({
      type: 'element.add',
      ...where,
      set: pool4,
      elements: keys.map(key => ({ key })),
    })
    commit(connection, [
      { type: 'table.add', ...where },
      { type: 'set.add', ...where, set: pool4 },
      add(['10.0.0.0/30']),
    ])
    nft('add', 'element', 'inet', 'natspace', 'pool4', '{ 0.0.0.0/8, 11.0.0.0/8 }')
    commit(connection, [add(['10.0.0.4/30'], ['192.168.0.0/16'])])
    nft('delete', 'element', 'inet', 'natspace', 'pool4', '{ 192.168.0.0/16 }')
    commit(connection, [
      { type: 'element.delete', ...where, set: pool4, elements: [{ key: ['11.0.0.0/8'] }] },
    ])
    expect(tableText(readTable())).toBe(listed())
    expect(readTable().sets[0]?.elements.map(element => element.key[0])).toEqual([
      '0.0.0.0/8',
      '10.0.0.0/30',
      '10.0.0.4/30',
    ])
  })

  nftTest('of intervals of concatenations match what lies inside, and can be taken back', () => {
    const elements = [{ key: ['tcp', { first: 80, last: 90 }] }, { key: ['udp', 53] }]
    commit(connection, [
      { type: 'table.add', ...where },
      { type: 'set.add', ...where, set: loopbackOnly },
      { type: 'element.add', ...where, set: loopbackOnly, elements },
    ])
    expect(nft('get', 'element', 'inet', 'natspace', 'loopback_only', '{ tcp . 85 }')).toContain(
      'tcp . 80-90',
    )
    commit(connection, [
      { type: 'element.delete', ...where, set: loopbackOnly, elements: elements.slice(0, 1) },
    ])
    expect(readTable().sets[0]?.elements).toEqual(elements.slice(1))
  })

  nftTest('have timeouts, comments, and elements for the rest', () => {
    const timed: NamedSet = {
      name: 't',
      key: ['ipv4_addr'],
      flags: { timeout: true },
      comment: 'timed',
      size: 10,
    }
    commit(connection, [
      { type: 'table.add', ...where, comment: 'ours' },
      { type: 'set.add', ...where, set: timed },
      {
        type: 'element.add',
        ...where,
        set: timed,
        elements: [{ key: ['1.2.3.4'], timeout: 60_000, comment: 'x' }, { key: [] }],
      },
    ])
    const withoutTime = (text: string): string => text.replace(/expires \w+/, 'expires')
    expect(withoutTime(tableText(readTable()))).toBe(withoutTime(listed()))
    expect(readTable().sets[0]?.elements[0]).toMatchObject({
      key: ['1.2.3.4'],
      timeout: 60_000,
      comment: 'x',
    })
  })

  test('are flushed and deleted', () => {
    commit(connection, [
      { type: 'table.add', ...where },
      { type: 'set.add', ...where, set: portNumbers },
      { type: 'element.add', ...where, set: portNumbers, elements: [{ key: ['tcp', 1] }] },
    ])
    commit(connection, [{ type: 'set.flush', ...where, set: 'ports' }])
    expect(readTable().sets[0]?.elements).toEqual([])
    commit(connection, [{ type: 'set.delete', ...where, set: 'ports' }])
    expect(readTable().sets).toEqual([])
  })
})

const caught = (action: () => unknown): unknown => {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown')
}

describe('a batch', () => {
  test('is carried out as a whole or not at all, and says what was refused', () => {
    const error = caught(() =>
      commit(connection, [
        { type: 'table.add', ...where },
        { type: 'chain.delete', ...where, chain: 'none' },
        { type: 'rule.delete', ...where, chain: 'c', handle: 7n },
      ]),
    )
    expect(error).toBeInstanceOf(BatchError)
    expect(error).toMatchObject({
      code: 'ENOENT',
      command: { type: 'chain.delete' },
      attributePath: ['name'],
    })
    expect((error as BatchError).refusals.length).toBe(2)
    expect((error as BatchError).message).toBe('nft delete chain inet natspace none: ENOENT, and 1 more')
    expect(readRuleset(connection).tables).toEqual([])
  })

  test('creates only what is not there', () => {
    commit(connection, [{ type: 'table.create', ...where }])
    expect(caught(() => commit(connection, [{ type: 'table.create', ...where }]))).toMatchObject({
      code: 'EEXIST',
    })
    commit(connection, [{ type: 'table.add', ...where }])
  })

  test('of nothing changes nothing', () => {
    const before = readGeneration(connection).id
    commit(connection, [])
    expect(readGeneration(connection).id).toBe(before)
  })

  test('for a generation that is over is refused as a whole', () => {
    const { id } = readGeneration(connection)
    commit(connection, [{ type: 'table.add', ...where }], { generation: id })
    const error = caught(() => commit(connection, [{ type: 'table.delete', ...where }], { generation: id }))
    expect(error).toBeInstanceOf(GenerationChangedError)
    expect(error).toMatchObject({ code: 'ERESTART', generation: id })
    expect(readTable().name).toBe('natspace')
  })

  test('is built anew when somebody was faster', () => {
    const attempts: number[] = []
    commitWithRetry(connection, generation => {
      attempts.push(generation)
      if (attempts.length < 3)
        commit(connection, [{ type: 'table.add', family: 'ip', table: `t${attempts.length}` }])
      return [{ type: 'table.add', ...where }]
    })
    expect(attempts.length).toBe(3)
    expect(attempts[2]).toBe((attempts[0] ?? 0) + 2)
    expect(readTable().name).toBe('natspace')
  })

  test('is given up when somebody is always faster', () => {
    let attempts = 0
    const error = caught(() =>
      commitWithRetry(connection, () => {
        commit(connection, [{ type: 'table.add', family: 'ip', table: `t${++attempts}` }])
        return [{ type: 'table.add', ...where }]
      }),
    )
    expect(error).toBeInstanceOf(GenerationChangedError)
    expect(error).toMatchObject({ attempts })
    expect(attempts).toBe(10)
  })

  test('says who made the present generation', () => {
    commit(connection, [{ type: 'table.add', ...where }])
    expect(readGeneration(connection).processId).toBe(process.pid)
  })

  test('of many refused commands still says the first', () => {
    const many = Array.from(
      { length: 5000 },
      (_, i): NftCommand => ({ type: 'chain.delete', ...where, chain: `c${i}` }),
    )
    const error = caught(() => commit(connection, many)) as BatchError
    expect(error).toBeInstanceOf(BatchError)
    expect(error.command).toEqual(many[0] as NftCommand)
    // The connection is of use afterwards.
    commit(connection, [{ type: 'table.add', ...where }])
    expect(readTable().name).toBe('natspace')
  })
})

describe('events', () => {
  test('of a traced packet, step by step', async () => {
    const wasUp = ip('-o link show lo').includes('LOWER_UP')
    ip('link set lo up')
    using events = Connection.open(NETLINK_NETFILTER, { groups: [multicastGroups.NFNLGRP_NFTRACE] })
    commit(connection, [
      { type: 'table.add', ...where },
      { type: 'chain.add', ...where, chain: { name: 'c', hook: 'output', priority: 0 } },
      addRule(match(udp('dport'), 9), traceOn(), counter()),
      addRule(match(udp('dport'), 9), drop()),
    ])
    const handles = chainOf('c').rules.map(({ handle }) => handle)
    const socket = createSocket('udp4')
    await new Promise(sent => socket.send('x', 9, '127.0.0.1', sent))
    socket.close()
    const steps = events
      .receiveEvents()
      .filter(({ type }) => type === messageTypes.NFT_MSG_TRACE)
      .map(({ payload }) => traceMessage.decode(payload, 0, payload.length).attributes)
    if (!wasUp) ip('link set lo down')
    expect(steps.map(step => [step.type, step.chain, step.ruleHandle])).toEqual(
      handles.map(handle => ['rule', 'c', handle]),
    )
    expect(steps.at(-1)?.verdict).toEqual({ code: 0 })
    expect(new Set(steps.map(step => step.id)).size).toBe(1)
  })

  test('of a new generation', () => {
    using events = Connection.open(NETLINK_NETFILTER, { groups: [multicastGroups.NFNLGRP_NFTABLES] })
    commit(connection, [{ type: 'table.add', ...where }])
    const generations = events
      .receiveEvents()
      .filter(({ type }) => type === messageTypes.NFT_MSG_NEWGEN)
      .map(({ payload }) => decodeGeneration(payload))
    expect(generations).toEqual([
      { ...readGeneration(connection), processName: generations[0]?.processName ?? '' },
    ])
    expect(generations[0]?.processId).toBe(process.pid)
  })
})

nftTest('nft refuses nothing of what we print of an empty ruleset', () => {
  expect(tryRun('nft', ['-c', '-f', '-'], '').status).toBe(0)
  expect(listed()).toBe('')
  expect(readRuleset(connection).tables).toEqual([])
})

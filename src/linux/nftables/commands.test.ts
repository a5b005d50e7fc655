import { describe, expect, test } from 'bun:test'
import { rulesetCommands } from '../../../test/golden/nftables/ruleset.ts'
import {
  bytesOf,
  type GoldenCase,
  loadGolden,
  schemaOf,
  toJson,
  words,
} from '../../../test/golden/nftables/support.ts'
import { Writer } from '../netlink/writer.ts'
import type { NftCommand } from './batch/command.ts'
import { encodeCommand } from './batch/encode-command.ts'
import { namedSet } from './sets/named-set.ts'
import { accept, rule } from './syntax/statement.ts'

/** Our commands give the same messages as nft's of the same text. */

const where = { family: 'inet', table: 't' } as const
const protocolPort = ['inet_proto', 'inet_service']
const ifname = namedSet({ name: 's', key: ['ifname'] })
const marks = namedSet({ name: 's', key: ['mark'] })
const addresses = namedSet({ name: 's', key: ['ipv4_addr'] })
const intervals = namedSet({ name: 's', key: ['ipv4_addr'], flags: { interval: true } })
const concatenated = namedSet({ name: 's', key: protocolPort, flags: { interval: true } })
const verdicts = namedSet({ name: 'v', key: ['ifname'], data: ['verdict'] })

const commands: Record<string, NftCommand> = {
  'table.add': { type: 'table.add', family: 'inet', table: 'natspace' },
  'table.create': { type: 'table.create', family: 'ip', table: 't' },
  'table with comment and flags': { type: 'table.add', ...where, flags: ['dormant'], comment: 'hello' },
  'table.delete': { type: 'table.delete', ...where },
  'table.flush': { type: 'table.flush', ...where },
  'chain.add': { type: 'chain.add', ...where, chain: { name: 'c' } },
  'chain.add base': {
    type: 'chain.add',
    ...where,
    chain: { name: 'c', hook: 'prerouting', priority: -300, policy: 'accept' },
  },
  'chain.add nat, policy drop': {
    type: 'chain.add',
    ...where,
    chain: { name: 'c', type: 'filter', hook: 'forward', priority: -10, policy: 'drop', comment: 'x' },
  },
  'chain.add device': {
    type: 'chain.add',
    family: 'netdev',
    table: 't',
    chain: { name: 'c', hook: 'ingress', devices: ['lo'], priority: 5 },
  },
  'chain.create': { type: 'chain.create', ...where, chain: { name: 'c' } },
  'chain.delete': { type: 'chain.delete', ...where, chain: 'c' },
  'chain.flush': { type: 'chain.flush', ...where, chain: 'c' },
  'set.add ifname': { type: 'set.add', ...where, set: { ...ifname, name: 'spaces' } },
  'set.add concatenation': {
    type: 'set.add',
    ...where,
    set: { name: 'source4', key: ['ifname', 'ipv4_addr'] },
  },
  'set.add interval': { type: 'set.add', ...where, set: { ...intervals, name: 'pool4', autoMerge: true } },
  'set.add interval of concatenation': { type: 'set.add', ...where, set: concatenated },
  'set.add timeout, comment, size': {
    type: 'set.add',
    ...where,
    set: { ...addresses, size: 100, timeout: 60_000, comment: 'x', policy: 'memory' },
  },
  'set.add dynamic': {
    type: 'set.add',
    ...where,
    set: { ...addresses, size: 100, flags: { dynamic: true, timeout: true } },
  },
  'map.add': {
    type: 'set.add',
    ...where,
    set: { name: 'publish4', key: protocolPort, data: ['ipv4_addr', 'inet_service'] },
  },
  'map.add one field': { type: 'set.add', ...where, set: { name: 'm', key: ['ipv4_addr'], data: ['mark'] } },
  'map.add verdict': { type: 'set.add', ...where, set: verdicts },
  'set.create': { type: 'set.create', ...where, set: marks },
  'set.delete': { type: 'set.delete', ...where, set: 's' },
  'set.flush': { type: 'set.flush', ...where, set: 's' },
  'element.add ifname': {
    type: 'element.add',
    ...where,
    set: ifname,
    elements: [{ key: ['veth1'] }, { key: ['lo'], comment: 'x' }],
  },
  'element.create': { type: 'element.create', ...where, set: marks, elements: [{ key: [5] }] },
  'element.add map': {
    type: 'element.add',
    ...where,
    set: { name: 'm', key: protocolPort, data: ['ipv4_addr', 'inet_service'] },
    elements: [{ key: ['tcp', 8080], data: ['192.168.45.3', 80] }],
  },
  'element.add intervals': {
    type: 'element.add',
    ...where,
    set: intervals,
    elements: [
      { key: ['255.255.255.0/24'] },
      { key: ['10.0.0.0/8'] },
      { key: [{ first: '192.168.0.1', last: '192.168.0.7' }] },
    ],
  },
  'element.add intervals of concatenation': {
    type: 'element.add',
    ...where,
    set: concatenated,
    elements: [{ key: ['tcp', { first: 80, last: 90 }] }, { key: ['udp', 53] }],
  },
  'element.add timeout': {
    type: 'element.add',
    ...where,
    set: addresses,
    elements: [{ key: ['1.2.3.4'], timeout: 5000 }],
  },
  'element.add verdicts': {
    type: 'element.add',
    ...where,
    set: verdicts,
    elements: [
      { key: ['a'], data: { verdict: 'accept' } },
      { key: ['b'], data: { verdict: 'jump', chain: 'c' } },
    ],
  },
  'element.add catch-all': { type: 'element.add', ...where, set: marks, elements: [{ key: [] }] },
  'element.delete': { type: 'element.delete', ...where, set: addresses, elements: [{ key: ['1.2.3.4'] }] },
  'element.delete interval': {
    type: 'element.delete',
    ...where,
    set: intervals,
    elements: [{ key: ['10.0.0.0/8'] }],
  },
  'element.delete interval of concatenation': {
    type: 'element.delete',
    ...where,
    set: concatenated,
    elements: [{ key: ['tcp', { first: 80, last: 90 }] }],
  },
  'rule.insert with comment': {
    type: 'rule.insert',
    ...where,
    chain: 'c',
    rule: rule([accept()], 'hello'),
  },
  'rule.add at position': {
    type: 'rule.add',
    ...where,
    chain: 'c',
    rule: rule([accept()]),
    position: 2n,
  },
  'rule.replace': { type: 'rule.replace', ...where, chain: 'c', rule: rule([accept()]), handle: 2n },
  'rule.delete': { type: 'rule.delete', ...where, chain: 'c', handle: 2n },
}

type Sent = { type: number; flags: number; payload: string }

const sentBy = (command: NftCommand, nextId: () => number): Sent[] =>
  encodeCommand(command, nextId).map(({ type, flags, schema, value }) => {
    const writer = new Writer()
    schema.encode(writer, value)
    return { type, flags: flags | 1, payload: words(writer.bytes) }
  })

describe('commands give the bytes that nft sends', () => {
  const { cases } = loadGolden('objects')
  test('every recorded command is tried', () => {
    expect(Object.keys(commands).toSorted()).toEqual(cases.map(item => item.name).toSorted())
  })
  for (const item of cases)
    test(item.name, () => {
      const command = commands[item.name] as NftCommand
      let id = 0
      const sent = sentBy(command, () => ++id)
      expect(sent.map(withoutIds)).toEqual(item.messages.map(withoutIds))
    })
})

/**
 * What a message says, without what says nothing: the numbers nft gives to sets (the kernel goes by names), and
 * `operation: 'mask'`, which is what leaving it out means. Keys are sorted: attributes have no order.
 */
const withoutIds = ({ type, flags, payload }: Sent): unknown => {
  const bytes = bytesOf(payload)
  const value = toJson(schemaOf(type).decode(bytes, 0, bytes.length))
  const text = JSON.stringify(value, (key, item: unknown) => (isNoise(key, item) ? undefined : sorted(item)))
  return { type, flags, value: JSON.parse(text) as unknown }
}

const isNoise = (key: string, item: unknown): boolean =>
  key === 'setId' || (key === 'operation' && item === 'mask') || (key === 'id' && typeof item === 'number')

const sorted = (item: unknown): unknown =>
  typeof item === 'object' && item !== null && !Array.isArray(item)
    ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : item

test('the whole table compiles to what nft sends for its text', () => {
  const [item] = loadGolden('ruleset').cases as [GoldenCase]
  const recorded = item.messages.filter(({ type }) => type >> 8 === 10)
  let id = 0
  const sent = rulesetCommands.flatMap(command => sentBy(command, () => ++id))
  const inAnyOrder = (messages: Sent[]) =>
    messages.map(message => JSON.stringify(withoutIds(message))).toSorted()
  // In which order chains and sets are made says nothing; that of the rules does.
  expect(inAnyOrder(sent)).toEqual(inAnyOrder(recorded))
  const rules = (messages: Sent[]) => messages.filter(({ type }) => (type & 0xff) === 6).map(withoutIds)
  expect(rules(sent)).toEqual(rules(recorded))
})

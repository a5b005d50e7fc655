import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { EncodeError } from '../../netlink/codec.ts'
import { decompile } from '../decompile/decompile.ts'
import type { Family } from '../family.ts'
import { concat, ct, ip, ip6, mapLookup, meta, payload, tcp, th, udp } from '../syntax/operand.ts'
import { inSet, range, wildcard } from '../syntax/pattern.ts'
import { dnat, match, reject, rule, type Statement, set } from '../syntax/statement.ts'
import { compile } from './compile.ts'
import { CompileError, registerIndex, registerNumber } from './program.ts'

/** The tests of a rule that were not written: `meta KEY` in front of what needs them. */
const testsOf = (family: Family, ...statements: Statement[]): (string | number)[] =>
  compile(rule(statements), family).flatMap(instruction =>
    instruction.name === 'meta' && instruction.data.key !== undefined ? [instruction.data.key] : [],
  )

describe('what a packet must have is tested once, in front of the first use', () => {
  const source = match(ip('saddr'), '1.2.3.4')
  const port = match(tcp('dport'), 80)
  test('by family', () => {
    expect(testsOf('inet', source, port, match(ip('daddr'), '1.2.3.5'))).toEqual(['nfproto', 'l4proto'])
    expect(testsOf('ip', source, port)).toEqual(['l4proto'])
    expect(testsOf('bridge', source, port)).toEqual(['protocol', 'l4proto'])
    expect(testsOf('inet', match(payload('icmp', 'type'), 'echo-request'))).toEqual(['nfproto', 'l4proto'])
    expect(testsOf('ip', match(payload('ether', 'saddr'), '02:00:00:00:00:01'))).toEqual(['iiftype'])
  })
  test('and not at all where the rule says so itself', () => {
    expect(testsOf('inet', match(meta('nfproto'), 'ipv4'), source)).toEqual(['nfproto'])
    expect(testsOf('inet', match(meta('l4proto'), 'tcp'), port)).toEqual(['l4proto'])
    expect(testsOf('inet', match(ip('protocol'), 'tcp'), port)).toEqual(['nfproto'])
    expect(testsOf('inet', match(th('dport'), 80))).toEqual([])
  })
  test('contradictions are refused', () => {
    const refused = (family: Family, ...statements: Statement[]) =>
      expect(() => compile(rule(statements), family)).toThrow(CompileError)
    refused('inet', source, match(ip6('saddr'), 'fe80::1'))
    refused('ip', match(ip6('saddr'), 'fe80::1'))
    refused('inet', port, match(udp('dport'), 53))
    refused('arp', match(payload('ether', 'saddr'), '02:00:00:00:00:01'))
    refused('inet', source, reject('icmpv6', 'no-route'))
    refused('inet', reject('icmpx', 'no such code'))
  })
})

describe('values that cannot be are refused where they are written', () => {
  for (const [what, build] of [
    ['an address', () => match(ip('saddr'), '1.2.3')],
    ['a prefix', () => match(ip('saddr'), '1.2.3.4/33')],
    ['a state', () => match(ct('state'), 'tired')],
    ['a list without a set', () => match(tcp('dport'), ['80', '443'])],
    ['a concatenation without a set', () => match(concat(ip('saddr'), tcp('dport')), '1.2.3.4')],
  ] as [string, () => unknown][])
    test(what, () => expect(build).toThrow(EncodeError))
  test('a number that does not fit', () => {
    expect(() => compile(rule([match(tcp('dport'), 65_536)]), 'inet')).toThrow(EncodeError)
  })
  test('an unknown field', () => {
    const unknown = { kind: 'payload', header: 'tcp', field: 'nonsense' } as const
    expect(() => match(unknown, 1)).toThrow(RangeError)
  })
})

test('registers: four bytes each, by the older numbers where they begin at sixteen', () => {
  expect([0, 1, 2, 3, 4, 5, 12, 15].map(registerNumber)).toEqual([1, 9, 10, 11, 2, 13, 4, 23])
  for (let index = 0; index < 16; index++) expect(registerIndex(registerNumber(index))).toBe(index)
  expect([0, 5, 7, 24].map(registerIndex)).toEqual([undefined, undefined, undefined, undefined])
})

test('a map that gives address and port leaves them one behind the other', () => {
  const nat = (family: 'ip' | 'ip6', data: string[]): unknown => {
    const last = compile(rule([dnat(family, mapLookup(th('dport'), { name: 'm', data }))]), 'inet').at(-1)
    return last?.name === 'nat' ? last.data : undefined
  }
  expect(nat('ip', ['ipv4_addr', 'inet_service'])).toEqual({
    type: 'dnat',
    family: 'ip',
    addressMin: 1,
    portMin: 9,
  })
  expect(nat('ip6', ['ipv6_addr', 'inet_service'])).toEqual({
    type: 'dnat',
    family: 'ip6',
    addressMin: 1,
    portMin: 2,
  })
  expect(nat('ip', ['ipv4_addr'])).toEqual({ type: 'dnat', family: 'ip', addressMin: 1 })
})

test('what the CPU keeps the other way round is turned before it is compared or looked up in intervals', () => {
  const names = (...statements: Statement[]) => compile(rule(statements), 'inet').map(({ name }) => name)
  expect(names(match(meta('mark'), range(1, 5)))).toEqual(['meta', 'byteorder', 'cmp', 'cmp'])
  expect(names(match(meta('mark'), 5))).toEqual(['meta', 'cmp'])
  expect(names(match(meta('mark'), inSet({ name: 's', flags: { interval: true } })))).toEqual([
    'meta',
    'byteorder',
    'lookup',
  ])
  expect(names(match(meta('mark'), inSet({ name: 's' })))).toEqual(['meta', 'lookup'])
})

const address = fc.ipV4()
const statement: fc.Arbitrary<Statement> = fc.oneof(
  fc
    .tuple(fc.constantFrom('saddr', 'daddr'), address, fc.constantFrom('==', '!='))
    .map(([field, value, operator]) => match(ip(field as 'saddr'), value, operator as '==')),
  fc.tuple(address, fc.nat({ max: 32 })).map(([value, length]) => match(ip('saddr'), `${value}/${length}`)),
  fc
    .tuple(fc.nat({ max: 0xffff }), fc.nat({ max: 0xffff }))
    .map(([a, b]) => match(tcp('dport'), range(Math.min(a, b), Math.max(a, b)))),
  fc.nat({ max: 0xffffffff }).map(mark => match(meta('mark'), mark)),
  fc.nat({ max: 0xffffffff }).map(mark => set(meta('mark'), mark)),
  fc
    .subarray(['new', 'established', 'related', 'invalid'], { minLength: 1 })
    .map(states => match(ct('state'), states)),
  fc.stringMatching(/^[a-z0-9*]{1,14}[a-z0-9]$/).map(name => match(meta('iifname'), name)),
  fc.stringMatching(/^[a-z0-9]{1,14}$/).map(name => match(meta('oifname'), wildcard(name))),
  fc.nat({ max: 63 }).map(value => match(ip('dscp'), value)),
)

test('what is compiled and read again compiles to the same', () => {
  fc.assert(
    fc.property(fc.array(statement, { maxLength: 6 }), statements => {
      const instructions = compile(rule(statements), 'inet')
      const again = compile(rule(decompile(instructions, { family: 'inet', sets: [] })), 'inet')
      expect(again).toEqual(instructions)
    }),
    { numRuns: 500 },
  )
})

/** The bytes of ip(8) and of the kernel, both ways: what they mean to us, and what we write for the same meaning. */
import { describe, expect, test } from 'bun:test'
import { fromHex, type GoldenMessage, goldenFiles, toJson } from '../../../test/support/golden.ts'
import { expectBytes, hexDiff } from '../../../test/support/hex-diff.ts'
import { kindOf, meaningOf } from '../../../test/support/rtnetlink-golden.ts'
import { wireDifferences } from '../../../test/support/wire-diff.ts'
import type { Request } from '../netlink/connection.ts'
import { type MessageOf, NLM_F, writeMessage } from '../netlink/message.ts'
import { Writer } from '../netlink/writer.ts'
import { addAddress, deleteAddress } from './address.ts'
import { addLink, addVeth, deleteLink, setLink } from './link.ts'
import { listNeighbours } from './neighbour.ts'
import {
  deleteDiscipline,
  listQueueingDisciplines,
  replaceTokenBucket,
  tokenBucketMessage,
} from './queueing-discipline.ts'
import { addRoute, deleteRoute, getRoute, listRoutes } from './route.ts'
import { listRules } from './rule.ts'
import { limitOfLatency } from './token-bucket.ts'

const files = goldenFiles('rtnetlink')

const messageOf = (name: string, index: number): GoldenMessage => {
  const message = files.find(file => file.name === name)?.messages[index]
  if (message === undefined) throw new Error(`No message ${index} in the golden file ${name}`)
  return message
}

const u16 = (bytes: Uint8Array, at: number) => Buffer.from(bytes).readUInt16LE(at)

/** The whole message, written anew from its decoded value. */
const rewritten = (bytes: Uint8Array): Uint8Array => {
  const { schema } = kindOf(u16(bytes, 4))
  const value = schema.decode(bytes, 16, bytes.length)
  const writer = new Writer(16)
  const view = Buffer.from(bytes)
  writeMessage(writer, u16(bytes, 4), u16(bytes, 6), view.readUInt32LE(8), inner =>
    schema.encode(inner, value),
  )
  writer.patchU32(12, view.readUInt32LE(12))
  return writer.bytes
}

for (const { name, command, tool, kernel, messages } of files) {
  describe(`${name}: ${command} (${tool}, ${kernel})`, () => {
    let request: Uint8Array | undefined
    for (const [index, message] of messages.entries()) {
      const bytes = fromHex(message.hex)
      if (message.from === 'program') request = bytes
      const answered = request
      const title = `${index} ${message.from} ${message.type}`
      test(`${title} decodes`, () => {
        const { type, value, read } = meaningOf(bytes, answered)
        expect({ type, value, read }).toEqual({
          type: message.type,
          value: message.value,
          read: message.read,
        })
      })
      if (message.type.startsWith('NLMSG_')) continue
      test(`${title} encodes to the same bytes`, () => {
        const found = rewritten(bytes)
        if (message.differs === undefined) expectBytes(found, bytes, command)
        else {
          const { schema } = kindOf(u16(bytes, 4))
          expect(wireDifferences(schema, bytes.slice(16), found.slice(16))).toEqual(message.differs)
          // Only what the kernel reads alike may differ: a missing flag, a missing end of a string.
          for (const line of message.differs) expect(line).toMatch(/: (NLA_F_NESTED|NUL)$/)
        }
      })
    }
  })
}

describe('the golden files', () => {
  const all = files.flatMap(file => file.messages)
  test('hold requests and replies of every kind of message', () => {
    const kinds = ['LINK', 'ADDR', 'ROUTE', 'NEIGH', 'RULE', 'QDISC']
    for (const kind of kinds)
      for (const verb of ['NEW', 'DEL', ...(kind === 'LINK' ? [] : ['GET'])])
        expect(all.filter(one => one.from === 'program').map(one => one.type)).toContain(`RTM_${verb}${kind}`)
    for (const kind of kinds)
      expect(all.filter(one => one.from === 'kernel').map(one => one.type)).toContain(`RTM_NEW${kind}`)
  })

  test('hold refusals that repeat the request, and refusals that repeat only its header', () => {
    const refusals = all.filter(
      one => one.type === 'NLMSG_ERROR' && !/"errno":0/.test(JSON.stringify(one.value)),
    )
    const capped = refusals.map(one => (u16(fromHex(one.hex), 6) & NLM_F.capped) !== 0)
    expect(new Set(capped)).toEqual(new Set([true, false]))
    const withPath = refusals.filter(one => !/"attributePath":\[\]/.test(JSON.stringify(one.value)))
    expect(withPath.length).toBeGreaterThanOrEqual(3)
  })
})

const TCA_TBF_RTAB = 2

const bucket = (
  index: number,
  wanted: { rate: number; burst: number } & ({ latency: number } | { limit: number }),
): Request => {
  const { rate, burst } = wanted
  const limit = 'limit' in wanted ? wanted.limit : limitOfLatency(rate, burst, wanted.latency)
  return replaceTokenBucket({ index, handle: 0x6e73, rate, burst, limit })
}

describe('our requests are those of ip(8) and tc(8)', () => {
  const address = '02:00:00:00:00:01'
  const cases: [string, Request][] = [
    [
      'link-add-veth',
      addVeth({
        name: 'veth1',
        index: 11,
        address,
        peer: { name: 'veth2', index: 12, address: '02:00:00:00:00:02', namespace: undefined },
      }),
    ],
    [
      'link-add-veth-netns',
      addVeth({ name: 'veth3', index: 13, mtu: 1400, peer: { name: 'veth4', index: 0, namespace: 4 } }),
    ],
    ['link-set-up', setLink(11, { up: true })],
    ['link-set-alias', setLink(11, { mtu: 1450, alias: 'natspace:myspace' })],
    ['link-set-master', setLink(13, { master: 14 })],
    ['link-delete', deleteLink(11)],
    ['address-add', addAddress({ index: 11, address: '192.168.45.2', prefixLength: 24 })],
    ['address-add-ipv6', addAddress({ index: 11, address: 'fd00:45::2', prefixLength: 64 })],
    ['address-delete', deleteAddress({ index: 11, address: '192.168.45.2', prefixLength: 24 })],
    ['route-add-default', addRoute({ destination: '0.0.0.0/0', gateway: '192.168.45.3', outputIndex: 11 })],
    [
      'route-add-ipv6',
      addRoute({ destination: 'fd00:7::/48', gateway: 'fd00:45::3', outputIndex: 11, priority: 20 }),
    ],
    ['route-delete', deleteRoute({ destination: '10.7.0.0/16', outputIndex: 11 })],
    ['route-get', getRoute({ destination: '10.7.1.1', mark: 5 })],
    ['route-get-from', getRoute({ destination: '10.7.1.1', source: '192.168.45.3', inputIndex: 11 })],
    ['route-get-ipv6', getRoute({ destination: 'fd00:7::1' })],
    ['route-show-ipv6', listRoutes(6, 254)],
    ['rule-show', listRules(4)],
    ['rule-show-ipv6', listRules(6)],
    ['neighbour-show', listNeighbours()],
    ['qdisc-delete', deleteDiscipline({ index: 13, handle: 0x6e73 })],
    ['qdisc-show', listQueueingDisciplines()],
  ]
  for (const [name, request] of cases)
    test(name, () => {
      const golden = messageOf(name, 0)
      expect(request.name).toBe(golden.type)
      expect(toJson(request.value)).toEqual(golden.value)
      const flags = u16(fromHex(golden.hex), 6) & ~(NLM_F.request | NLM_F.ack)
      // A request that lists gets its flag from `dump`.
      expect(request.flags).toBe(name.includes('-show') ? flags & ~NLM_F.dump : flags)
    })

  const buckets: [string, Request][] = [
    ['qdisc-replace-tbf', bucket(13, { rate: 10e6, burst: 5000, latency: 50 })],
    ['qdisc-replace-tbf-changed', bucket(13, { rate: 8000, burst: 1518, latency: 50 })],
    ['qdisc-replace-tbf-64', bucket(11, { rate: 40e9, burst: 20 * 1024 ** 2, limit: 300 * 1024 ** 2 })],
  ]
  for (const [name, request] of buckets)
    test(`${name}, but for the table that tc(8) sends for kernels of old`, () => {
      const golden = messageOf(name, 0)
      const bytes = fromHex(golden.hex)
      const { attributes, header } = tokenBucketMessage.decode(bytes, 16, bytes.length)
      const { unknown, ...options } = attributes.options ?? {}
      expect(unknown?.map(({ type }) => type)).toEqual([TCA_TBF_RTAB])
      const ours = request.value as MessageOf<typeof tokenBucketMessage>
      const parameters = ours.attributes.options?.parameters
      // tc(8) reckons the ticks with 32 bits of the rate, and the kernel does without them: it has the bytes.
      if (options.rate64 !== undefined && options.parameters && parameters)
        options.parameters.buffer = parameters.buffer
      expect<unknown>(ours).toEqual({ header, attributes: { ...attributes, options } })
      expect(request.name).toBe(golden.type)
      expect(request.flags).toBe(u16(bytes, 6) & ~(NLM_F.request | NLM_F.ack))
    })

  test('a bridge has its index from the caller', () => {
    const request = addLink('bridge', 'br0', 14)
    const golden = messageOf('link-add-bridge', 0).value as { attributes: object }
    const { address: _, ...attributes } = golden.attributes as { address: string }
    expect(toJson(request.value)).toEqual({ ...golden, attributes })
  })
})

describe('hexDiff', () => {
  test('marks the lines of four bytes that differ', () => {
    const text = hexDiff(Uint8Array.of(1, 2, 3, 4, 0x61, 6), Uint8Array.of(1, 2, 3, 4, 5, 6, 7))
    expect(text).toBe(
      [
        '  offset  expected (6)  found (7)',
        '  000000  01 02 03 04    01 02 03 04    ....',
        '! 000004  61 06          05 06 07       a.',
      ].join('\n'),
    )
  })
  test('is undefined for equal bytes', () => {
    expect(hexDiff(Uint8Array.of(1), Uint8Array.of(1))).toBeUndefined()
  })
})

/** Nothing of a packet, and no name that others gave, reaches a terminal or a reader of files as it is. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { LinkerPoint, NumberedPacket } from '../../insight/capture/linker.ts'
import { packetEvent, packetLine } from '../../insight/capture/packet-line.ts'
import { PcapngOutput } from '../../insight/capture/pcapng-output.ts'
import type { CapturedPoint } from '../../insight/capture/space-capture.ts'
import {
  anyDamagedFrame,
  anyFrame,
  bytes,
  ethernet,
  type Ip,
  ipv4,
  tcp,
  udp,
  word,
} from '../../linux/packet/frames.test-support.ts'
import { pcapngRecords } from '../../linux/packet/index.ts'
import { toJson } from '../output.ts'

const obeyed = /[\p{C}\p{Zl}\p{Zp}]/u
const encoder = new TextEncoder()

/** What terminals obey, hide or turn round, as the bytes that they would read. */
const anyBytes = fc
  .array(
    fc.oneof(
      fc
        .constantFrom(
          '\x1b[2J',
          '\x1b]0;x\x07',
          '\r\n',
          '\x9b2J',
          '\u202e',
          '\u200b',
          '\u2028',
          'GET / ',
          '.',
          '\\',
        )
        .map(text => encoder.encode(text)),
      fc.uint8Array({ maxLength: 8 }),
    ),
    { maxLength: 6 },
  )
  .map(parts => bytes(...parts))

const anyName = anyBytes.map(name => new TextDecoder().decode(name))

const ip: Ip = { source: '192.168.45.3', destination: '192.168.1.15' }

/** A DNS message with a name of such labels, as a question and as the data of an answer (RFC 1035, section 4). */
const dns = fc
  .tuple(fc.array(anyBytes, { minLength: 1, maxLength: 4 }), fc.boolean(), fc.constantFrom(1, 5, 12, 16, 28))
  .map(([labels, isAnswer, type]) => {
    const name = bytes(...labels.flatMap(label => [Math.min(label.length, 63), label.slice(0, 63)]), 0)
    const record = isAnswer ? bytes(name, word(type), [0, 1, 0, 0, 0, 1], word(name.length), name) : bytes()
    const head = bytes(
      word(7),
      isAnswer ? [0x81, 0x80] : [1, 0],
      word(1),
      word(isAnswer ? 1 : 0),
      [0, 0, 0, 0],
    )
    return bytes(head, name, word(type), [0, 1], record)
  })

const frame = fc.oneof(
  dns.map(message => ethernet(0x0800, ipv4(17, ip, udp(ip, { from: 40_000, to: 53, data: message })))),
  dns.map(message => ethernet(0x0800, ipv4(17, ip, udp(ip, { from: 5353, to: 5353, data: message })))),
  anyBytes.map(data => ethernet(0x0800, ipv4(17, ip, udp(ip, { from: 514, to: 514, data: data })))),
  fc
    .tuple(anyBytes, fc.constantFrom(80, 443, 25, 53))
    .map(([data, to]) =>
      ethernet(0x0800, ipv4(6, ip, tcp(ip, { from: 40_000, to, flags: 24, data: [...data] }))),
    ),
  anyBytes.map(data => ethernet(0x88cc, data)),
  anyFrame,
  anyDamagedFrame,
)

const pointOf = (name: string, link: LinkerPoint['link']): CapturedPoint => ({
  role: 'uplink',
  name,
  description: name,
  where: undefined,
  interface: name,
  index: 1,
  link,
  statistics: { seen: 1, dropped: 0 },
})

const anySeen = fc.record({
  frame,
  name: anyName,
  link: fc.constantFrom('ethernet' as const, 'ip' as const),
  cut: fc.integer({ min: 0, max: 200 }),
  relation: fc.constantFrom('', 'before SNAT 192.168.45.3:1 -> 192.168.1.32:2'),
})

const numbered = (given: Uint8Array, cut: number, relation: string): NumberedPacket => ({
  number: 2,
  point: 0,
  packet: {
    time: 1_700_000_000_123_456_789n,
    bytes: given.slice(0, cut),
    length: given.length,
    direction: 'in',
  },
  mates: [{ number: 1, relation }],
})

test('a line of capture, and the same as JSON', () => {
  fc.assert(
    fc.property(anySeen, ({ frame: given, name, link, cut, relation }) => {
      const seen = { packet: numbered(given, cut, relation), point: pointOf(name, link) }
      const line = packetLine(seen, 20)
      expect(line).not.toMatch(obeyed)
      expect(line).toContain('same packet as #1')
      const json = toJson(packetEvent(seen))
      expect(json).not.toMatch(obeyed)
      expect(JSON.parse(json).point).toBe(name)
    }),
    { numRuns: 1000 },
  )
})

test('what a file says of its interfaces and packets', () => {
  fc.assert(
    fc.property(anySeen, ({ frame: given, name, link, cut, relation }) => {
      const chunks: Uint8Array[] = []
      const output = new PcapngOutput(chunk => chunks.push(chunk), [pointOf(name, link)], {
        snapLength: 128,
        application: 'natspace',
      })
      output.packets([numbered(given, cut, relation)])
      const [described, packet] = [...pcapngRecords(bytes(...chunks))]
      if (described?.type !== 'interface' || packet?.type !== 'packet') throw new Error('a block is missing')
      for (const text of [described.name, described.description, packet.comment])
        expect(text).not.toMatch(obeyed)
      // The packet itself stays what it is.
      expect(packet.bytes).toEqual(given.slice(0, cut))
    }),
  )
})

test('a name of DNS is told all the same', () => {
  const label = encoder.encode('a\x1b[2J')
  const question = bytes(
    word(7),
    [1, 0],
    word(1),
    [0, 0, 0, 0, 0, 0],
    label.length,
    label,
    0,
    word(1),
    word(1),
  )
  const given = ethernet(0x0800, ipv4(17, ip, udp(ip, { from: 40_000, to: 53, data: question })))
  const seen = { packet: numbered(given, 200, ''), point: pointOf('e\x1b[31m', 'ethernet') }
  expect(packetLine(seen, 20)).toMatch(
    / e\\x1b\[31m +in +IP .*: 7\+ A\? a\\027\[2J\. \(\d+\) {2}same packet as #1$/,
  )
})

import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { requireTool } from '../../../../test/support/tools.ts'
import { anyDamagedFrame, anyFrame, arp, ethernet, ipv4, tcp, udp } from '../frames.test-support.ts'
import { PcapngWriter } from '../pcapng/writer.ts'
import { FilterError } from './error.ts'
import { anyFilter, commonFilter, plainFilter, runProgram } from './filter.test-support.ts'
import { compileFilter } from './filter.ts'

const ip = { source: '192.168.45.3', destination: '192.168.1.15' }
const syn = ethernet(0x0800, ipv4(6, ip, tcp(ip, { from: 9000, to: 80, flags: 2 })))
const ack = ethernet(0x0800, ipv4(6, ip, tcp(ip, { from: 9000, to: 80, flags: 16 })))
const query = ethernet(0x0800, ipv4(17, ip, udp(ip, { from: 9000, to: 53 })))
const whoHas = ethernet(0x0806, arp(1, '192.168.45.3', '192.168.45.2'))

test.each([
  ['', [true, true, true, true]],
  ['tcp', [true, true, false, false]],
  ['arp', [false, false, false, true]],
  ['host 192.168.45.3', [true, true, true, true]],
  ['ip host 192.168.45.3', [true, true, true, false]],
  ['dst host 192.168.45.3', [false, false, false, false]],
  ['src net 192.168.45 and dst port 80', [true, true, false, false]],
  ['port 80 or 53', [true, true, true, false]],
  ['tcp[tcpflags] & (tcp-syn|tcp-ack) != 0', [true, true, false, false]],
  ['tcp[tcpflags] == tcp-syn', [true, false, false, false]],
  ['not tcp', [false, false, true, true]],
  // As in libpcap, `and` and `or` bind alike.
  ['tcp or arp and udp', [false, false, false, false]],
  ['udp or (tcp and dst portrange 79-81)', [true, true, true, false]],
  ['!(tcp || udp)', [false, false, false, true]],
  ['len > 42', [true, true, false, false]],
  ['(len - 2) * 2 = 80', [false, false, true, true]],
])('%s', (text, expected) => {
  const filter = compileFilter(text)
  expect([syn, ack, query, whoHas].map(frame => filter.matches(frame))).toEqual(expected)
})

describe('errors tell the column, the reason and a way out', () => {
  test.each([
    ['tcp and', 8, 'a condition is missing'],
    ['host example.com', 6, 'names are not looked up'],
    ['port 70000', 6, 'expected a port'],
    ['tcp host 10.0.0.1', 10, 'tcp and host 10.0.0.1'],
    ['ip port 80', 9, 'ip and port 80'],
    ['10.0.0.1', 1, 'host 10.0.0.1'],
    ['80', 1, 'port 80'],
    ['(tcp', 5, 'expected ")"'],
    ['tcp) ', 4, 'nothing more was expected'],
    ['tcp udp', 5, 'join two conditions'],
    ['net 10.0.0.1/8', 5, 'net 10.0.0.0/8'],
    ['net 10.0.0.0/33', 14, 'prefix length of 0 to 32'],
    ['portrange 80-22', 11, 'above the last'],
    ['vlan 5', 1, 'ether proto 0x8100'],
    ['tcp[0:3] = 1', 7, '1, 2 or 4 bytes'],
    ['len / 0 = 1', 5, 'division by zero'],
    ['len << 32 = 1', 5, '0 to 31'],
    ['len', 4, 'expected a comparison'],
    ['host 10.0.0.1 ; reboot', 15, 'no meaning'],
    ['ip6 host 10.0.0.1', 10, 'IPv4'],
    ['host constructor', 6, 'expected an address'],
    ['host 10.0.0.1 or arp host 10.0.0.2 or 10.0.0.3 or x', 51, 'no word'],
    ['len constructor 5', 5, 'expected a comparison'],
    ['proto toString', 7, 'expected the number'],
    [`${'('.repeat(2000)}tcp`, 102, 'levels deep'],
    [`${'not '.repeat(1000)}tcp`, 405, 'levels deep'],
  ])('%#: %.40s', (text, column, words) => {
    let error: unknown
    try {
      compileFilter(text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(FilterError)
    expect((error as FilterError).message).toContain(words)
    expect((error as FilterError).column).toBe(column)
  })
})

test('no text makes the reader throw anything but its own error', () => {
  const word = fc.constantFrom(
    'tcp',
    'host',
    '(',
    ')',
    '[',
    ']',
    ':',
    'not',
    'and',
    '1',
    '10.0.0.1',
    'fd00::',
    '/',
    '-',
    'len',
    '&',
    'src',
    'net',
    'proto',
    '\u001b',
    'port',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word, { maxLength: 12 }).map(words => words.join(' ')),
      ),
      text => {
        try {
          compileFilter(text)
        } catch (error) {
          expect(error).toBeInstanceOf(FilterError)
          expect((error as FilterError).column).toBeGreaterThan(0)
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('the predicate and the program for the kernel agree, also on frames that are cut or damaged', () => {
  let selected = 0
  fc.assert(
    fc.property(
      anyFilter,
      fc.array(anyDamagedFrame, { minLength: 5, maxLength: 20 }),
      fc.nat(100),
      (text, frames, more) => {
        const filter = compileFilter(text)
        for (const frame of frames) {
          const length = frame.length + more
          const answer = runProgram(filter.program, frame, length)
          expect([0, 0xffff_ffff]).toContain(answer)
          expect(answer !== 0).toBe(filter.matches(frame, length))
          if (answer) selected++
        }
      },
    ),
    { numRuns: 1000 },
  )
  expect(selected).toBeGreaterThan(500)
})

test('jumps that are too far for one instruction are made in two', () => {
  const hosts = Array.from({ length: 60 }, (_, index) => `host 10.1.0.${index + 1}`)
  const filter = compileFilter(hosts.join(' or '))
  expect(filter.program.length).toBeGreaterThan(600)
  for (const [source, expected] of [
    ['10.1.0.1', true],
    ['10.1.0.60', true],
    ['10.1.0.61', false],
  ] as const) {
    const frame = ethernet(0x0800, ipv4(47, { source, destination: '10.9.9.9' }, new Uint8Array(4)))
    expect(filter.matches(frame)).toBe(expected)
    expect(runProgram(filter.program, frame, frame.length) !== 0).toBe(expected)
  }
})

test('more than the kernel takes is refused', () => {
  const hosts = Array.from({ length: 400 }, (_, index) => `10.${index >> 8}.0.${index & 255}`)
  expect(() => compileFilter(`host ${hosts.slice(0, 200).join(' or ')}`)).toThrow('the kernel takes 4096')
})

/** Which of the frames tcpdump selects; each has its number as its time, in microseconds. */
const selectedByTcpdump = (file: Uint8Array, text: string, ...options: string[]): number[] => {
  const line = ['-n', ...options, '-r', '-', '-w', '-', text]
  const ran = spawnSync('tcpdump', line, { input: file, maxBuffer: 1 << 26, timeout: 10_000 })
  // The optimizer of libpcap notices what can never hold, and refuses it.
  if (ran.stderr.includes('expression rejects all packets')) return []
  if (ran.status !== 0) throw new Error(`tcpdump ${text}: ${ran.stderr.toString()}`)
  const found: number[] = []
  for (let at = 24; at < ran.stdout.length; at += 16 + ran.stdout.readUInt32LE(at + 8))
    found.push(ran.stdout.readUInt32LE(at) * 1_000_000 + ran.stdout.readUInt32LE(at + 4))
  return found
}

const fileOf = (frames: readonly Uint8Array[]): Uint8Array => {
  const chunks: Uint8Array[] = []
  const writer = new PcapngWriter(chunk => chunks.push(chunk))
  writer.addInterface({ name: 'a', link: 'ethernet', snapLength: 262_144 })
  for (const [index, bytes] of frames.entries())
    writer.packet({ interface: 0, time: BigInt(index) * 1000n, bytes, length: bytes.length })
  return new Uint8Array(Buffer.concat(chunks))
}

const compareWithTcpdump = (filters: fc.Arbitrary<string>, ...options: string[]): void => {
  const frames = fc.sample(anyFrame, { numRuns: 400, seed: 7 })
  const file = fileOf(frames)
  let [some, none] = [0, 0]
  fc.assert(
    fc.property(filters, text => {
      const filter = compileFilter(text)
      const ours = frames.flatMap((frame, index) => (filter.matches(frame) ? [index] : []))
      expect(ours).toEqual(selectedByTcpdump(file, text, ...options))
      if (ours.length > 0) some++
      else none++
    }),
    { numRuns: 100 },
  )
  // A comparison with nothing but empty answers would prove nothing.
  expect(some).toBeGreaterThan(none / 3)
}

const withTcpdump = requireTool('tcpdump')

withTcpdump('selects what tcpdump selects', () => compareWithTcpdump(plainFilter), 60_000)

// Its optimizer may leave out a look at bytes that a frame does not have, and then selects what the rule refuses.
withTcpdump(
  'selects what tcpdump selects without its optimizer, whatever bytes are asked for',
  () => compareWithTcpdump(commonFilter, '-O'),
  60_000,
)

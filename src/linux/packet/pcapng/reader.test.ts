import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { requireTool } from '../../../../test/support/tools.ts'
import type { PcapngPacket } from './block.ts'
import { PcapngError, type PcapngRecord, pcapngRecords } from './reader.ts'
import { PcapngWriter } from './writer.ts'

const anyPacket: fc.Arbitrary<PcapngPacket> = fc
  .record(
    {
      interface: fc.constantFrom(0, 1),
      time: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      bytes: fc.uint8Array({ maxLength: 100 }),
      more: fc.nat(5000),
      direction: fc.constantFrom('in' as const, 'out' as const),
      comment: fc.string({ unit: 'grapheme', maxLength: 40 }),
    },
    { requiredKeys: ['interface', 'time', 'bytes', 'more'] },
  )
  .map(({ more, ...packet }) => ({ ...packet, length: packet.bytes.length + more }))

const interfaces = [
  { name: 'eth0', link: 'ethernet' as const, snapLength: 262_144 },
  { name: 'wg0', description: 'a ü\u001b[31m', link: 'ip' as const, snapLength: 0 },
]

const write = (packets: readonly PcapngPacket[]): Uint8Array => {
  const chunks: Uint8Array[] = []
  const writer = new PcapngWriter(chunk => chunks.push(chunk), { application: 'natspace' })
  for (const each of interfaces) writer.addInterface(each)
  for (const packet of packets) writer.packet(packet)
  return new Uint8Array(Buffer.concat(chunks))
}

const heads: PcapngRecord[] = interfaces.map((each, index) => ({ type: 'interface', index, ...each }))

test('what was written is read as it was', () => {
  fc.assert(
    fc.property(fc.array(anyPacket, { maxLength: 8 }), packets => {
      const read = [...pcapngRecords(write(packets))]
      expect(read).toEqual([...heads, ...packets.map(packet => ({ type: 'packet' as const, ...packet }))])
    }),
  )
})

test('two files one after the other are read as one', () => {
  const packet: PcapngPacket = { interface: 1, time: 5n, bytes: Uint8Array.of(1), length: 1 }
  const twice = new Uint8Array(Buffer.concat([write([packet]), write([packet])]))
  const found = [...pcapngRecords(twice)].flatMap(record =>
    record.type === 'packet' ? [record.interface] : [],
  )
  expect(found).toEqual([1, 3])
})

test('a file that was cut gives its whole packets, and then says where it ends', () => {
  fc.assert(
    fc.property(
      fc.array(anyPacket, { minLength: 1, maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (packets, part) => {
        const whole = write(packets)
        const cut = whole.subarray(0, Math.floor(part * (whole.length - 1)))
        const read: PcapngRecord[] = []
        let error: unknown
        try {
          for (const record of pcapngRecords(cut)) read.push(record)
        } catch (thrown) {
          error = thrown
        }
        const all = [...pcapngRecords(whole)]
        expect(read).toEqual(all.slice(0, read.length))
        // A cut between two blocks leaves a whole file.
        if (error === undefined) expect(Buffer.compare(cut, write(packets).subarray(0, cut.length))).toBe(0)
        else expect(error).toBeInstanceOf(PcapngError)
      },
    ),
  )
})

test('no damage makes the reader throw anything but its own error', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(fc.array(anyPacket, { maxLength: 3 }), damage, (packets, changes) => {
      const bytes = write(packets)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      try {
        for (const record of pcapngRecords(bytes))
          if (record.type === 'packet') expect(record.bytes.length).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        expect(error).toBeInstanceOf(PcapngError)
      }
    }),
    { numRuns: 1000 },
  )
})

test('other byte order, microseconds and an offset of time', () => {
  const hex =
    // Section header, big-endian, 28 bytes.
    `0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c
     00000001 00000020 0001 0000 00040000 000e 0008 0000000000000064 00000020
     00000006 00000024 00000000 00000000 0000000a 00000002 00000005 abcd 0000 00000024`
  const records = [...pcapngRecords(new Uint8Array(Buffer.from(hex.replace(/\s/g, ''), 'hex')))]
  expect(records).toEqual([
    { type: 'interface', index: 0, name: '', link: 'ethernet', snapLength: 0x40000 },
    { type: 'packet', interface: 0, time: 100_000_010_000n, bytes: Uint8Array.of(0xab, 0xcd), length: 5 },
  ])
})

test('errors say where and why', () => {
  const read = (hex: string) => () => [...pcapngRecords(new Uint8Array(Buffer.from(hex, 'hex')))]
  expect(read('d4c3b2a1020004000000000000000000')).toThrow('at byte 0: a section header is missing')
  expect(read('0a0d0d0a')).toThrow('at byte 0: the file ends within a block')
  expect(read('0a0d0d0a1c000000ffffffff0100000000000000')).toThrow('byte-order magic')
})

test('a packet needs its interface', () => {
  const writer = new PcapngWriter(() => {})
  expect(() => writer.packet({ interface: 0, time: 0n, bytes: new Uint8Array(0), length: 0 })).toThrow(
    RangeError,
  )
})

test('a comment that is too long is cut between two characters', () => {
  const long = 'é'.repeat(40_000)
  const records = [
    ...pcapngRecords(write([{ interface: 0, time: 0n, bytes: new Uint8Array(2), length: 2, comment: long }])),
  ]
  expect(records.at(-1)).toMatchObject({ comment: 'é'.repeat(32_767) })
})

requireTool('tcpdump')('libpcap reads what was written', () => {
  // An ARP request, an echo request without data cut after the IP header.
  const arp = Buffer.from(
    'ffffffffffff0200000000010806000108000604000102000000000' + '1c0a82d03000000000000c0a82d02',
    'hex',
  )
  const packets: PcapngPacket[] = [
    {
      interface: 0,
      time: 1_700_000_000_123_456_789n,
      bytes: new Uint8Array(arp),
      length: arp.length,
      comment: 'first',
    },
    {
      interface: 0,
      time: 1_700_000_001_000_000_001n,
      bytes: new Uint8Array(arp),
      length: 60,
      direction: 'in',
    },
  ]
  const chunks: Uint8Array[] = []
  const writer = new PcapngWriter(chunk => chunks.push(chunk))
  writer.addInterface({ name: 'veth1', link: 'ethernet', snapLength: 1000 })
  for (const packet of packets) writer.packet(packet)
  const ran = spawnSync('tcpdump', ['-n', '-tt', '--nano', '-r', '-'], {
    input: Buffer.concat(chunks),
    encoding: 'utf8',
  })
  expect(ran.stdout.trim().split('\n')).toEqual([
    '1700000000.123456789 ARP, Request who-has 192.168.45.2 tell 192.168.45.3, length 28',
    '1700000001.000000001 ARP, Request who-has 192.168.45.2 tell 192.168.45.3, length 46',
  ])
})

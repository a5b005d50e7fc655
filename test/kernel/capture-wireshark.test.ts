/** What natspace captures, Wireshark's programs read without a word of complaint, and understand as it was meant. */
import { beforeAll, describe, expect, test as plain } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PcapngPacket, pcapngRecords } from '../../src/linux/packet/index.ts'
import { captureHelpers } from '../support/capture.ts'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool, type Test } from '../support/tools.ts'
import { requireWireshark, runWireshark } from '../support/wireshark.ts'

const tools = requireTool('ip', 'nft', 'ping', 'nc', 'ss', 'base64')
/** Both must be there; what is missing is told by whichever misses it. */
const test: Test = tools === plain ? requireWireshark() : tools

const file = 'a.pcapng'
let bytes: Uint8Array
let packets: PcapngPacket[]

/** A flow of each protocol through NAT, one of them from outside, IPv6, and errors: at four points, one of them at host2. */
beforeAll(() => {
  if (test === plain) {
    const text = expectOnNewHost(`${captureHelpers}
      ip address add fd99::32/64 dev eth0 nodad
      ip -n host2 address add fd99::15/64 dev eth0 nodad
      ip -6 route add default via fd99::15
      natspace up -q myspace $article
      ip netns exec host2 timeout 15 nc -lu 7000 >/run/got 2>&1 & server=$!
      for attempt in $(seq 500); do
        ip netns exec host2 ss -Hlun 'sport = :7000' | grep -q . && break; sleep 0.01
      done
      serve
      capture myspace -w /run/${file} --at host2:eth0 'tcp or udp or icmp or arp or icmp6'
      ip netns exec myspace ping -qc2 -i0.2 192.168.1.15
      ip netns exec myspace ping -6 -qc1 fd99::15
      echo hello | ip netns exec host2 nc -N -w1 192.168.1.32 8080
      echo one | ip netns exec myspace nc -u -q0 192.168.1.15 7000
      echo two | ip netns exec myspace nc -u -w1 192.168.1.15 7001 || true
      for attempt in $(seq 500); do grep -q one /run/got && break; sleep 0.01; done
      finish
      kill $server
      echo "FILE $(base64 -w0 /run/${file})"`)
    expect(text).toContain(', 0 lost')
    bytes = Buffer.from(/^FILE (.*)$/m.exec(text)?.[1] ?? '', 'base64')
    packets = [...pcapngRecords(bytes)].flatMap(record => (record.type === 'packet' ? [record] : []))
  }
}, 60_000)

/** One packet is seen at several points: what tshark would take for TCP's own repetitions is none. */
const usual = ['-n', '-o', 'tcp.analyze_sequence_numbers:FALSE']

const fields = (...names: readonly string[]): string[][] =>
  runWireshark(
    'tshark',
    [...usual, '-r', file, '-T', 'fields', '-E', 'occurrence=f', ...names.flatMap(name => ['-e', name])],
    { [file]: bytes },
    stdout =>
      stdout
        .replace(/\n$/, '')
        .split('\n')
        .map(line => line.split('\t')),
  )

/** The first protocol above IP in `eth:ethertype:ip:icmp:ip:udp:data`. */
const kindIn = (protocols: string): string => /:ip(?:v6)?:([^:]+)/.exec(protocols)?.[1] ?? ''

describe('what natspace capture -w writes', () => {
  test('tshark reads to the end, and finds nothing malformed, short or worth a warning', () => {
    const read = fields('frame.number', '_ws.malformed', '_ws.short', '_ws.unreassembled')
    expect(read).toEqual(packets.map((_, index) => [String(index + 1), '', '', '']))
    const told = runWireshark(
      'tshark',
      [...usual, '-r', file, '-q', '-z', 'expert,warn'],
      { [file]: bytes },
      stdout => stdout,
    )
    expect(told.trim()).toBe('')
    const bad = runWireshark(
      'tshark',
      [
        ...usual,
        '-o',
        'ip.check_checksum:TRUE',
        '-r',
        file,
        '-Y',
        'ip.checksum.status == "Bad" or icmp.checksum.status == "Bad" or icmpv6.checksum.status == "Bad"',
      ],
      { [file]: bytes },
      stdout => stdout,
    )
    expect(bad).toBe('')
  })

  test('tshark shows the interfaces, the ways, the times and the comments as they were captured', () => {
    const names = ['myspace:veth2', 'veth1', 'eth0', 'host2:eth0']
    const descriptions = [
      'inner end of the cable, in the namespace of myspace',
      'host end of the cable of myspace',
      'uplink of this host, beyond the translation',
      'interface in the namespace host2',
    ]
    const read = fields(
      'frame.interface_name',
      'frame.interface_description',
      'frame.time_epoch',
      'frame.len',
      'frame.cap_len',
      'frame.packet_flags_direction',
      'frame.comment',
    )
    const seconds = (time: bigint) =>
      `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')}`
    expect(read).toEqual(
      packets.map(({ interface: index, time, length, bytes: kept, direction, comment = '' }) => [
        names[index] ?? '',
        descriptions[index] ?? '',
        seconds(time),
        String(length),
        String(kept.length),
        direction === 'in' ? '0x00000001' : '0x00000002',
        comment,
      ]),
    )
    expect(new Set(packets.map(({ interface: index }) => index)).size).toBe(4)
    // Of the clock's last digits there are as many as there are packets, not only zeros.
    expect(packets.filter(({ time }) => time % 1000n !== 0n).length).toBeGreaterThan(packets.length / 2)
  })

  test('the packets that a comment joins are one, changed as it says, as tshark reads them', () => {
    const names = [
      'ip.id',
      'tcp.seq_raw',
      'tcp.flags',
      'icmp.seq',
      'icmpv6.echo.sequence_number',
      'udp.length',
    ]
    const ends = ['ip.src', 'ipv6.src', 'ip.dst', 'ipv6.dst']
    const read = fields('frame.comment', 'frame.protocols', ...ends, ...names).map(
      ([comment = '', protocols = '', source, source6, destination, destination6, ...same]) => ({
        comment,
        kind: kindIn(protocols),
        ends: [source || source6, destination || destination6],
        same,
      }),
    )
    const kinds = new Set<string>()
    let changes = 0
    for (const [index, one] of read.entries())
      for (const part of one.comment.replace('same packet as ', '').split('; ').filter(Boolean)) {
        const [, side, reverse, what, before, after] =
          /\((before|after) (reverse )?([SD])NAT (\S+) -> (\S+)\)/.exec(part) ?? []
        for (const [, number = ''] of part.replace(/\(.*/, '').matchAll(/#(\d+)/g)) {
          const other = read[Number(number) - 1] as (typeof read)[number]
          expect(Number(number)).not.toBe(index + 1)
          expect(other.comment).toMatch(new RegExp(`#${index + 1}\\b`))
          expect([other.kind, ...other.same]).toEqual([one.kind, ...one.same])
          kinds.add(one.kind)
          const [first, last] = side === 'after' ? [one, other] : [other, one]
          if (what === undefined) {
            if (!part.includes('NAT')) expect(first.ends).toEqual(last.ends)
            continue
          }
          const place = (what === 'S') === (reverse === undefined) ? 0 : 1
          expect(before).toStartWith(first.ends[place] as string)
          expect(after).toStartWith(last.ends[place] as string)
          expect(first.ends[1 - place]).toBe(last.ends[1 - place] as string)
          changes++
        }
      }
    expect(changes).toBeGreaterThan(100)
    for (const kind of ['icmp', 'icmpv6', 'tcp', 'udp']) expect([...kinds]).toContain(kind)
    const said = read.map(({ comment }) => comment).join('\n')
    for (const words of [' SNAT ', 'reverse SNAT', ' DNAT ', 'reverse DNAT', 'fd99::32', 'NAT)'])
      expect(said).toContain(words)
    // All four points where there are four.
    const echoes = read.filter(({ kind, same }) => kind === 'icmp' && same[3] !== '')
    expect(echoes).toHaveLength(16)
    for (const { comment } of echoes) expect(comment.match(/#\d+/g)).toHaveLength(3)
  })

  test('capinfos counts as natspace did, in nanoseconds', () => {
    const told = runWireshark('capinfos', ['-M', file], { [file]: bytes }, stdout => stdout)
    expect(told).toMatch(/File type: +pcapng/)
    expect(told).toContain('nanoseconds (9)')
    expect(told).toMatch(/Capture application: +natspace \d/)
    expect(told).toMatch(/Strict time order: +True/)
    expect(told).toMatch(new RegExp(`Number of packets: +${packets.length}\n`))
    const counted = [0, 1, 2, 3].map(point => packets.filter(packet => packet.interface === point).length)
    const parts = told.split(/Interface #\d info:/).slice(1)
    expect(parts.map(part => Number(/Number of packets = (\d+)/.exec(part)?.[1]))).toEqual(counted)
    for (const part of parts) {
      expect(part).toContain('Capture length = 128')
      expect(part).toContain('Number of stat entries = 1')
    }
  })

  test('what editcap writes of it, natspace reads, and finds the same', () => {
    const copy = runWireshark(
      'editcap',
      ['-F', 'pcapng', file, 'copy.pcapng'],
      { [file]: bytes },
      (_, folder) => readFileSync(join(folder, 'copy.pcapng')),
    )
    expect([...pcapngRecords(copy)].filter(({ type }) => type === 'packet')).toEqual(
      packets.map(packet => ({ ...packet })) as never,
    )
  })
})

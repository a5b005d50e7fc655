/** One file of a packet's way: what is in it is what tcpdump reads, and what is said of packets is true. */
import { describe, expect } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  decodePacket,
  layerOf,
  type Packet,
  type PcapngPacket,
  pcapngRecords,
  tupleOf,
} from '../../src/linux/packet/index.ts'
import { captureHelpers as helpers } from '../support/capture.ts'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl', 'ping', 'nc', 'base64', 'setpriv')

type Seen = PcapngPacket & { number: number; packet: Packet }
type Capture = { points: string[]; packets: Seen[]; bytes: Uint8Array; text: string }

/** Runs a script on a new host and reads the capture that it prints. */
const captureOn = (script: string): Capture => {
  const text = expectOnNewHost(`${helpers}\n${script}`)
  const bytes = Buffer.from(/^FILE (.*)$/m.exec(text)?.[1] ?? '', 'base64')
  const records = [...pcapngRecords(bytes)]
  return {
    text,
    bytes,
    points: records.flatMap(record => (record.type === 'interface' ? [record.name] : [])),
    packets: records
      .flatMap(record => (record.type === 'packet' ? [record] : []))
      .map((record, index) => ({
        ...record,
        number: index + 1,
        packet: decodePacket(record.bytes, { length: record.length }),
      })),
  }
}

/** 'myspace:veth2 out 192.168.45.3 > 192.168.1.15' */
const way = ({ points }: Capture, { interface: index, direction, packet }: Seen): string => {
  const tuple = tupleOf(packet)
  const end = (address = '', port?: number) => (port === undefined ? address : `${address}:${port}`)
  return `${points[index]} ${direction} ${end(tuple?.source, tuple?.sourcePort)} > ${end(tuple?.destination, tuple?.destinationPort)}`
}

/** The numbers that a comment names, each with what is said of it. */
const matesIn = (comment = ''): { number: number; relation: string }[] =>
  comment
    .replace('same packet as ', '')
    .split('; ')
    .filter(Boolean)
    .flatMap(part => {
      const [, numbers = '', relation = ''] = /^([#\d and]+?)(?: \((.*)\))?$/.exec(part) ?? []
      return [...numbers.matchAll(/#(\d+)/g)].map(match => ({ number: Number(match[1]), relation }))
    })

/** Proves every comment by the bytes of the packets that it joins. Returns how many packets have one. */
const proveComments = (capture: Capture): number => {
  const commented = capture.packets.filter(({ comment }) => comment !== undefined)
  for (const one of commented)
    for (const { number, relation } of matesIn(one.comment)) {
      const other = capture.packets[number - 1] as Seen
      expect(other.interface).not.toBe(one.interface)
      expect(matesIn(other.comment).map(mate => mate.number)).toContain(one.number)
      const [ip, ip2] = [one, other].map(({ packet }) => layerOf(packet, 'ipv4'))
      expect(ip2?.id).toBe(ip?.id as number)
      const [tcp, tcp2] = [one, other].map(({ packet }) => layerOf(packet, 'tcp'))
      expect(tcp2?.sequence).toBe(tcp?.sequence as number)
      expect(tcp2?.flags).toBe(tcp?.flags as number)
      expect(tcp2?.dataLength).toBe(tcp?.dataLength as number)
      const [before, after] = relation.startsWith('after') ? [one, other] : [other, one]
      const [ends, ends2] = [before, after].map(item => way(capture, item).split(' ').slice(2))
      const kind = /(?:reverse )?[SD]NAT/.exec(relation)?.[0]
      if (kind === undefined) expect(ends2).toEqual(ends as string[])
      else {
        const place = kind === 'SNAT' || kind === 'reverse DNAT' ? 0 : 2
        expect(relation).toEndWith(`${kind} ${ends?.[place]} -> ${ends2?.[place]}`)
      }
    }
  return commented.length
}

/** As user 0 tcpdump(8) gives up its groups, which some user namespaces deny. */
const mayRunTcpdump = readFileSync('/proc/self/setgroups', 'utf8').trim() !== 'deny'

/** The same file as tcpdump reads it, a line for each packet. */
const tcpdumpLines = (bytes: Uint8Array): string[] => {
  const folder = mkdtempSync(join(tmpdir(), 'natspace-'))
  try {
    const path = join(folder, 'capture.pcapng')
    writeFileSync(path, bytes)
    return run('tcpdump', ['-Z', 'root', '-n', '-t', '-r', path]).trim().split('\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('natspace capture -w', () => {
  test('shows the three captures of the article, and joins them over NAT', () => {
    const capture = captureOn(`
      natspace up -q myspace $article
      capture myspace -w /run/a.pcapng icmp
      ip netns exec myspace ping -qc2 -i0.2 192.168.1.15
      ip -d link show | grep -o 'promiscuity [1-9]' || true
      finish
      stat -c 'mode %a' /run/a.pcapng
      file /run/a.pcapng`)
    expect(capture.text).toContain('status 0\n')
    expect(capture.text).toContain('mode 600')
    expect(capture.text).toContain('12 packets, 0 lost')
    expect(capture.text).not.toContain('promiscuity')
    expect(capture.points).toEqual(['myspace:veth2', 'veth1', 'eth0'])
    const article = [
      'myspace:veth2 out 192.168.45.3 > 192.168.1.15',
      'veth1 in 192.168.45.3 > 192.168.1.15',
      'eth0 out 192.168.1.32 > 192.168.1.15',
      'eth0 in 192.168.1.15 > 192.168.1.32',
      'veth1 out 192.168.1.15 > 192.168.45.3',
      'myspace:veth2 in 192.168.1.15 > 192.168.45.3',
    ]
    expect(capture.packets.map(packet => way(capture, packet))).toEqual([...article, ...article])
    expect(new Set(capture.packets.map(({ packet }) => layerOf(packet, 'icmp')?.query?.id)).size).toBe(1)
    expect(capture.packets.slice(0, 6).map(({ comment }) => comment)).toEqual([
      'same packet as #2; #3 (after SNAT 192.168.45.3 -> 192.168.1.32)',
      'same packet as #1; #3 (after SNAT 192.168.45.3 -> 192.168.1.32)',
      'same packet as #1 and #2 (before SNAT 192.168.45.3 -> 192.168.1.32)',
      'same packet as #5 and #6 (after reverse SNAT 192.168.1.32 -> 192.168.45.3)',
      'same packet as #4 (before reverse SNAT 192.168.1.32 -> 192.168.45.3); #6',
      'same packet as #4 (before reverse SNAT 192.168.1.32 -> 192.168.45.3); #5',
    ])
    expect(proveComments(capture)).toBe(12)
    // The last block is an Interface Statistics Block: of the uplink, with 4 packets received and 0 dropped.
    const last = new DataView(Uint8Array.from(capture.bytes.subarray(-52)).buffer)
    expect([0, 4, 8].map(at => last.getUint32(at, true))).toEqual([5, 52, 2])
    expect([24, 36].map(at => last.getBigUint64(at, true))).toEqual([4n, 0n])
    if (!mayRunTcpdump) return
    expect(tcpdumpLines(capture.bytes).map(line => line.replace(/:.*/, ''))).toEqual(
      capture.packets.map(packet => `IP ${way(capture, packet).split(' ').slice(2).join(' ')}`),
    )
  })

  test('shows and joins a fourth point, at host2, and others that are named, each once', () => {
    const capture = captureOn(`
      natspace up -q myspace $article
      capture myspace -w /run/a.pcapng --at host2:eth0 --at /run/netns/host2:eth0 --at eth0 --at lo icmp
      ip netns exec myspace ping -qc1 192.168.1.15
      ping -qc1 127.0.0.1
      finish
      file /run/a.pcapng`)
    expect(capture.points).toEqual(['myspace:veth2', 'veth1', 'eth0', 'host2:eth0', 'lo'])
    const [outside, home] = ['192.168.1.32 > 192.168.1.15', '192.168.1.15 > 192.168.1.32']
    expect(capture.packets.slice(0, 8).map(packet => way(capture, packet))).toEqual([
      'myspace:veth2 out 192.168.45.3 > 192.168.1.15',
      'veth1 in 192.168.45.3 > 192.168.1.15',
      `eth0 out ${outside}`,
      `host2:eth0 in ${outside}`,
      `host2:eth0 out ${home}`,
      `eth0 in ${home}`,
      'veth1 out 192.168.1.15 > 192.168.45.3',
      'myspace:veth2 in 192.168.1.15 > 192.168.45.3',
    ])
    for (const packet of capture.packets.slice(0, 8)) expect(matesIn(packet.comment)).toHaveLength(3)
    expect(capture.packets[3]?.comment).toBe(
      'same packet as #1 and #2 (before SNAT 192.168.45.3 -> 192.168.1.32); #3',
    )
    expect(proveComments(capture)).toBe(8)
    expect(capture.packets.slice(8).map(({ interface: index }) => capture.points[index])).toEqual(
      Array(4).fill('lo'),
    )
  })

  test('joins connections both ways: out, and in by a published port', () => {
    const capture = captureOn(`
      natspace up -q myspace $article
      echo there | ip netns exec host2 timeout 5 nc -lN 7000 >/run/out &
      for attempt in $(seq 100); do
        ip netns exec host2 ss -Hltn 'sport = :7000' | grep -q . && break; sleep 0.01
      done
      serve
      capture myspace -w /run/a.pcapng tcp
      echo hello | ip netns exec myspace nc -N -w1 192.168.1.15 7000
      echo hello | ip netns exec host2 nc -N -w1 192.168.1.32 8080
      finish
      file /run/a.pcapng`)
    expect(capture.text).toContain('there\n')
    expect(capture.text).toContain('answer\n')
    const ways = new Set(capture.packets.map(packet => way(capture, packet).replace(/:\d{5}/g, ':N')))
    expect([...ways].sort()).toEqual(
      [
        'myspace:veth2 out 192.168.45.3:N > 192.168.1.15:7000',
        'veth1 in 192.168.45.3:N > 192.168.1.15:7000',
        'eth0 out 192.168.1.32:N > 192.168.1.15:7000',
        'eth0 in 192.168.1.15:7000 > 192.168.1.32:N',
        'veth1 out 192.168.1.15:7000 > 192.168.45.3:N',
        'myspace:veth2 in 192.168.1.15:7000 > 192.168.45.3:N',
        'eth0 in 192.168.1.15:N > 192.168.1.32:8080',
        'veth1 out 192.168.1.15:N > 192.168.45.3:80',
        'myspace:veth2 in 192.168.1.15:N > 192.168.45.3:80',
        'myspace:veth2 out 192.168.45.3:80 > 192.168.1.15:N',
        'veth1 in 192.168.45.3:80 > 192.168.1.15:N',
        'eth0 out 192.168.1.32:8080 > 192.168.1.15:N',
      ].sort(),
    )
    expect(proveComments(capture)).toBe(capture.packets.length)
    expect(capture.packets.every(({ comment }) => matesIn(comment).length === 2)).toBe(true)
    const said = capture.packets.map(({ comment }) => comment).join('\n')
    expect(said).toContain('DNAT 192.168.1.32:8080 -> 192.168.45.3:80')
    expect(said).toContain('reverse DNAT 192.168.45.3:80 -> 192.168.1.32:8080')
    if (mayRunTcpdump) expect(tcpdumpLines(capture.bytes)).toHaveLength(capture.packets.length)
  })

  test('joins packets of a connection that was there before, of UDP and of IPv6, and errors about them', () => {
    const capture = captureOn(`
      ip address add fd99::32/64 dev eth0 nodad
      ip -n host2 address add fd99::15/64 dev eth0 nodad
      ip -6 route add default via fd99::15
      natspace up -q myspace --uplink eth0
      for attempt in $(seq 100); do
        ip netns exec myspace ping -6 -qc1 -W1 fd99::15 && break; sleep 0.05
      done
      mkfifo /run/pipe
      ip netns exec host2 timeout 15 nc -lu 7000 >/run/got 2>&1 & server=$!
      for attempt in $(seq 100); do
        ip netns exec host2 ss -Hlun 'sport = :7000' | grep -q . && break; sleep 0.01
      done
      exec 9<>/run/pipe
      ip netns exec myspace timeout 15 nc -u 192.168.1.15 7000 <&9 >/run/sent 2>&1 & client=$!
      echo one >&9
      for attempt in $(seq 200); do grep -q one /run/got && break; sleep 0.01; done
      capture myspace -w /run/a.pcapng 'udp or icmp or (icmp6 and ip6[40] >= 128 and ip6[40] <= 129)'
      echo two >&9
      for attempt in $(seq 200); do grep -q two /run/got && break; sleep 0.01; done
      ip netns exec myspace ping -6 -qc1 fd99::15
      echo lost | ip netns exec myspace nc -u -w1 192.168.1.15 7001 || true
      finish
      exec 9>&-; kill $client $server
      file /run/a.pcapng`)
    const said = (type: 'udp' | 'icmp' | 'icmpv6') =>
      capture.packets.filter(({ packet }) => layerOf(packet, type) !== undefined)
    expect(said('udp').length).toBeGreaterThanOrEqual(6)
    expect(said('icmpv6')).toHaveLength(6)
    expect(said('icmp')).toHaveLength(3)
    expect(capture.packets.filter(({ comment }) => matesIn(comment).length !== 2)).toEqual([])
    expect(said('icmp').map(({ comment }) => comment?.replace(/#\d+/g, '#'))).toEqual([
      'same packet as # and # (after NAT)',
      'same packet as # (before NAT); #',
      'same packet as # (before NAT); #',
    ])
    expect(said('icmpv6')[2]?.comment).toContain('-> fd99::32)')
  })

  test('replaces a file without writing to what was there, and follows no link', () => {
    const { status, stdout, stderr } = onNewHost(`${helpers}
      natspace up -q myspace $article
      echo old >/run/file; ln /run/file /run/second; chmod 644 /run/file
      ln -s /run/secret /run/link; echo secret >/run/secret
      mkfifo /run/pipe; cat /run/pipe >/run/piped & reader=$!
      ls /run >/run/names
      natspace capture myspace -q -w /run/file --seconds 0.1
      cat /run/second; stat -c 'mode %a' /run/file
      natspace capture myspace -q -w /run/pipe --seconds 0.1; wait $reader
      head -c4 /run/piped | od -An -tx1
      natspace capture myspace -w /run --seconds 0.1 2>/run/err2 || echo "folder $?"
      ls /run | diff /run/names - || true
      status=0; natspace capture myspace -w /run/link --seconds 0.1 || status=$?
      cat /run/secret
      exit $status`)
    expect(stdout).toContain('old\nmode 600\n 0a 0d 0d 0a\nfolder 1\n')
    expect(stdout).toContain('> err2')
    expect(stdout).not.toContain('tmp')
    expect(stdout).toEndWith('secret\n')
    expect(stderr).toContain('CANNOT_WRITE_CAPTURE')
    expect(stderr).toContain('symbolic link')
    expect(status).toBe(1)
  })

  test('keeps whole packets, or so many bytes of them, and so many packets', () => {
    const capture = captureOn(`
      natspace up -q myspace $article
      capture myspace -w /run/a.pcapng -c 4 --snaplen 0 icmp
      ip netns exec myspace ping -qc1 -s 1000 192.168.1.15
      wait $capture; cat /run/err
      capture myspace -w /run/b.pcapng -c 1 icmp
      ip netns exec myspace ping -qc1 -s 1000 192.168.1.15
      wait $capture; stat -c 'small %s' /run/b.pcapng
      file /run/a.pcapng`)
    expect(capture.packets.map(({ bytes, length }) => [bytes.length, length])).toEqual(
      Array.from({ length: 4 }, () => [1042, 1042]),
    )
    expect(capture.text).toContain('4 packets, 0 lost')
    expect(Number(/small (\d+)/.exec(capture.text)?.[1])).toBeLessThan(1042)
    const numbers = capture.packets.flatMap(({ comment }) => matesIn(comment).map(({ number }) => number))
    expect(Math.max(...numbers)).toBeLessThanOrEqual(4)
  })

  test('20,000 packets a second: all are there, or the loss is said', () => {
    const text = expectOnNewHost(`${helpers}
      natspace up -q myspace $article
      ip netns exec host2 nft 'table ip sink { chain in { type filter hook prerouting priority -300; udp dport 9999 drop; }; }'
      capture myspace -w /run/a.pcapng udp port 9999
      flood 192.168.1.15 40000 20000
      finish
      capture myspace -w - udp port 9999 >/run/b.pcapng
      kill -STOP $capture; flood 192.168.1.15 300000 0; kill -CONT $capture
      finish`)
    const [first, second] = [...text.matchAll(/(\d+) packets, (\d+) lost/g)].map(match =>
      match.slice(1).map(Number),
    )
    const [sent, sent2] = [...text.matchAll(/sent (\d+)/g)].map(match => Number(match[1]))
    expect(sent).toBe(40_000)
    expect((first?.[0] ?? 0) + (first?.[1] ?? 0)).toBe(3 * (sent ?? 0))
    expect(second?.[1]).toBeGreaterThan(0)
    expect((second?.[0] ?? 0) + (second?.[1] ?? 0)).toBe(3 * (sent2 ?? 0))
    expect(text).toContain('of 300000 at eth0: they were not read in time')
  }, 60_000)
})

describe('natspace capture', () => {
  test('prints a line for each packet, with names that a terminal does not obey', () => {
    const text = expectOnNewHost(`${helpers}
      ip link set eth0 down; ip link set eth0 name "$(printf 'e\\033[2J')"; ip link set "$(printf 'e\\033[2J')" up
      ip route add default via 192.168.1.1
      natspace up -q myspace
      capture myspace icmp >/run/lines
      ip netns exec myspace ping -qc1 192.168.1.15
      finish; cat /run/lines`)
    const lines = text.split('\n').filter(line => /^#\d/.test(line))
    expect(lines).toHaveLength(6)
    expect(text).not.toContain('\u001b')
    expect(lines[2]).toMatch(
      /^#3 +\d\d:\d\d:\d\d\.\d{9} e\\x1b\[2J +out IP 192\.168\.1\.32 > 192\.168\.1\.15: ICMP echo request, id \d+, seq 1, length 64 {2}same packet as #1 and #2 \(before SNAT 10\.\S+ -> 192\.168\.1\.32\)$/,
    )
  })

  test('prints JSON Lines from snapshot to end', () => {
    const text = expectOnNewHost(`${helpers}
      natspace up -q myspace $article
      $executable capture myspace --json -c 6 icmp >/run/lines & capture=$!
      for attempt in $(seq 500); do grep -q snapshot /run/lines && break; sleep 0.01; done
      ip netns exec myspace ping -qc1 192.168.1.15 >/run/ignored
      wait $capture; cat /run/lines`)
    const lines = text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.map(({ type }) => type)).toEqual(['snapshot', ...Array(6).fill('event'), 'end'])
    expect(lines[0].points.map(({ point }: { point: string }) => point)).toEqual([
      'myspace:veth2',
      'veth1',
      'eth0',
    ])
    expect(lines[3]).toMatchObject({
      packet: 3,
      point: 'eth0',
      direction: 'out',
      ttl: 63,
      tuple: { source: '192.168.1.32', destination: '192.168.1.15' },
      same: [1, 2].map(packet => ({ packet, relation: 'before SNAT 192.168.45.3 -> 192.168.1.32' })),
    })
    expect(lines.at(-1)).toMatchObject({ outcome: 'count', packets: 6, lost: 0 })
  })

  test('leaves nothing in the kernel when it is killed, and changes nothing while it runs', () => {
    const text = expectOnNewHost(`${helpers}
      natspace up -q myspace $article
      snapshot >/run/before
      capture myspace -w /run/a.pcapng
      ip netns exec myspace ping -qc1 192.168.1.15
      echo "sockets $(($(wc -l </proc/self/net/packet) - 1))"
      snapshot >/run/during; diff /run/before /run/during && echo EQUAL
      kill -KILL $capture; wait $capture || echo "status $?"
      echo "sockets $(($(wc -l </proc/self/net/packet) - 1))"
      echo "inside $(($(ip netns exec myspace cat /proc/self/net/packet | wc -l) - 1))"
      snapshot >/run/after; diff /run/before /run/after && echo EQUAL`)
    expect(text.split('\n').filter(line => /^(?:sockets|inside|status|EQUAL)/.test(line))).toEqual([
      'sockets 2',
      'EQUAL',
      'status 137',
      'sockets 0',
      'inside 0',
      'EQUAL',
    ])
  })

  test('ends quietly when nobody reads any more, and on SIGTERM when nobody reads yet', () => {
    const text = expectOnNewHost(`${helpers}
      natspace up -q myspace $article
      { status=0; $executable capture myspace -w - 2>/run/err || status=$?; echo $status >/run/status; } | head -c 300 >/run/part & head=$!
      for attempt in $(seq 500); do grep -q 'capturing at' /run/err && break; sleep 0.01; done
      ip netns exec myspace ping -qc3 -i0.2 192.168.1.15 >/run/ignored; wait $head
      for attempt in $(seq 200); do [ -s /run/status ] && break; sleep 0.01; done
      echo "status $(cat /run/status)"; cat /run/err
      mkfifo /run/pipe; sleep 20 </run/pipe & reader=$!
      $executable capture myspace -q -w - >/run/pipe 2>/run/err2 & capture=$!
      sleep 0.5; ip netns exec myspace ping -qfc1000 192.168.1.15 >/run/ignored
      sleep 0.5; kill -TERM $capture; sleep 0.3; kill -TERM $capture
      code=0; wait $capture || code=$?; echo "stuck $code"; kill $reader`)
    expect(text).toContain('status 0\n')
    expect(text).toContain('stuck 0\n')
    expect(text).not.toContain('natspace:')
  })

  test('ends with a message when the space goes down, with everything until then', () => {
    const capture = captureOn(`
      natspace up -q myspace $article
      capture myspace -w /run/a.pcapng icmp
      ip netns exec myspace ping -qc1 192.168.1.15
      natspace down -q myspace
      code=0; wait $capture || code=$?; echo "status $code"; cat /run/err
      ls /run/netns
      file /run/a.pcapng`)
    expect(capture.text).toContain('status 1\n')
    expect(capture.text).toContain('SPACE_WENT_DOWN')
    expect(capture.text).toContain('6 packets, 0 lost')
    expect(capture.packets).toHaveLength(6)
  })

  test('refuses what it cannot do, with a reason', () => {
    const text = expectOnNewHost(`
      natspace up -q myspace $article
      try() { code=0; "$@" >/run/out 2>&1 || code=$?; echo "$code $(tail -n1 /run/out)"; cat /run/out; }
      try $executable capture nobody
      try $executable capture myspace 'tcp and prot 80'
      try $executable capture myspace --count none
      try $executable capture
      try $executable capture myspace -j -w -
      try $executable capture myspace --at host2:eth7
      try $executable capture myspace --at nowhere:eth0
      try $executable capture myspace --at host2:
      try $executable capture myspace --at ../host2:eth0
      try setpriv --bounding-set=-all --inh-caps=-all $executable capture myspace
      ip link delete veth1
      try $executable capture myspace`)
    expect(text.match(/^\d +code: \w+/gm)).toEqual([
      '1   code: NOT_FOUND',
      '2   code: BAD_FILTER',
      '2   code: BAD_NUMBER',
      '2   code: MISSING_ARGUMENT',
      '1   code: NO_CAPTURE_POINT',
      '1   code: NO_NAMESPACE',
      '2   code: BAD_CAPTURE_POINT',
      '2   code: BAD_CAPTURE_POINT',
      '4   code: NOT_PERMITTED',
      '1   code: NO_CAPTURE_POINT',
    ])
    expect(text).toContain('column 9')
    expect(text).toContain('"CONFLICTING_OPTIONS"')
  })

  test('captures at an internal space, which has no uplink, and says nothing false of spaces side by side', () => {
    const text = expectOnNewHost(`${helpers}
      natspace up -q one --internal --gateway 10.99.0.1/24 --address 10.99.0.2; natspace up -q two
      capture one -c 4 icmp >/run/lines
      ip netns exec two ping -qc1 192.168.1.15 >/run/ignored
      ip netns exec one ping -qc1 10.99.0.1 >/run/ignored || true
      sleep 0.4; kill -INT $capture 2>/run/ignored || true; wait $capture; cat /run/err /run/lines`)
    expect(text).toContain('capturing at one:eth0, veth-one;')
    expect(text).not.toContain('192.168.1.15')
    expect(text).toContain('same packet as #1')
  })
})

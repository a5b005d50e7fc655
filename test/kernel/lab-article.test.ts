/**
 * The article's experiment in the lab, row by row, beside what tcpdump, conntrack and `nft monitor trace` saw of the same
 * packets.
 */
import { beforeAll, describe, expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import type { TraceEndLine, TraceEventLine } from '../support/trace.ts'
import { nftLines } from '../support/walk-monitor.ts'

requireSandbox()

const test = requireTool('ip', 'nft', 'conntrack')
/** As user 0 tcpdump(8) gives up its groups, also to become user 0, which a user namespace may forbid. */
const hasTcpdump = readFileSync('/proc/self/setgroups', 'utf8').trim() !== 'deny'
const captured: typeof test = hasTcpdump
  ? requireTool('tcpdump')
  : name =>
      void process.stderr.write(`without the test '${name}': tcpdump does not start in this user namespace\n`)

type Header = {
  source: string
  destination: string
  icmpId?: number
  sourcePort?: number
  destinationPort?: number
  ttl: number
  ipId: number
  linkSource: string
  linkDestination: string
}
type Row = { place: string; interface: string; request: Header; reply: Header }
type Tuple = { source: string; destination: string; icmp?: { id: number } }
type EventLine = TraceEventLine & {
  decidedBy: string | null
  rules: { chain: string; text: string; verdict: string }[]
}

type Lab = {
  proofs: { name: string; ok: boolean; expected: string; seen: string }[]
  captures: Row[]
  walk: (EventLine | TraceEndLine)[]
  identifiers: {
    space: string
    address: string
    cable: Header
    uplink: Header
    host2: Header
    answer: number
    connection: { original: Tuple; reply: Tuple }
  }[]
  inbound: { captures: Row[]; walk: (EventLine | TraceEndLine)[] }
  /** What `conntrack -L` printed at the end, and what the others printed all the time. */
  list: string
  opinions: Record<string, string>
}

let lab: Lab

beforeAll(() => {
  const program = join(import.meta.dir, '../support/lab-article.ts')
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [
      ...['unshare', '--net', '--mount', '--propagation', 'private', process.execPath, program],
      ...(hasTcpdump ? [] : ['without-tcpdump']),
    ],
    { stdin: 'ignore', timeout: 50_000 },
  )
  expect(stderr.toString()).toBe('')
  expect(exitCode).toBe(0)
  lab = JSON.parse(stdout.toString()) as Lab
}, 60_000)

const seen = (name: string): string | undefined => lab.proofs.find(proof => proof.name === name)?.seen
/** Chains and rules that one packet of a story passed in the host, as nft prints them. */
const told = (story: readonly (EventLine | TraceEndLine)[], packet: string): string[] =>
  story
    .filter((line): line is EventLine => line.type === 'event' && line.packet === packet)
    .flatMap(({ chain, rules, decidedBy, verdict }) => {
      if (chain === null) return []
      const table = chain.split(' ').slice(0, 2).join(' ')
      return [
        ...rules.map(rule => `${table} ${rule.chain} rule ${rule.text} (verdict ${rule.verdict})`),
        ...(decidedBy === 'policy' ? [`${chain} policy ${verdict}`] : []),
      ]
    })

/** What `nft monitor trace` printed of the first packet whose headers fit. */
const printed = (fits: RegExp): string[] => {
  const text = lab.opinions.nft ?? ''
  const start = `trace id ${new RegExp(`^trace id (\\w+) .*${fits.source}`, 'm').exec(text)?.[1]} `
  return nftLines(text).flatMap(line => (line.startsWith(start) ? [line.slice(start.length)] : []))
}

const identifier = 29610

describe('captures at three points, and in the space', () => {
  test('show each address, and the identifier, as the article has them', () => {
    const text = ({ source, destination, icmpId }: Header) => `${source} > ${destination}, id ${icmpId}`
    expect(
      lab.captures.map(({ place, interface: name, request, reply }) => [
        `${place} ${name}`,
        text(request),
        text(reply),
      ]),
    ).toEqual([
      ['myspace veth2', '192.168.45.3 > 192.168.1.15, id 29610', '192.168.1.15 > 192.168.45.3, id 29610'],
      ['host1 veth1', '192.168.45.3 > 192.168.1.15, id 29610', '192.168.1.15 > 192.168.45.3, id 29610'],
      ['host1 eth0', '192.168.1.32 > 192.168.1.15, id 29610', '192.168.1.15 > 192.168.1.32, id 29610'],
      ['host2 eth0', '192.168.1.32 > 192.168.1.15, id 29610', '192.168.1.15 > 192.168.1.32, id 29610'],
    ])
  })

  captured('are those of tcpdump at each point, down to the hardware addresses and the TTL', () => {
    for (const row of lab.captures)
      expect(dumpedAt(row)).toEqual([line('request', row.request), line('reply', row.reply)])
  })

  test('and all claims hold, each with what was seen', () => {
    expect(lab.proofs.filter(proof => !proof.ok)).toEqual([])
    expect(seen('the echo is one packet at all of them')).toMatch(
      /^request ip id \d+, \+0( \+\d+){3} µs; reply ip id /,
    )
  })
})

/** What `tcpdump -envi IF -p` printed: echoes, and the beginnings of connections. */
const dumped = (text: string) =>
  Array.from(
    text.matchAll(
      /^\S+ (\S+) > (\S+), ethertype IPv4 .*? ttl (\d+), id (\d+), .*\n +(\S+) > (\S+): (?:ICMP echo (\w+), id (\d+)|Flags \[(S\.?)\])/gm,
    ),
    ([, linkSource = '', linkDestination = '', ttl, ipId, from = '', to = '', echo, icmpId, flags]) => ({
      kind: echo ?? (flags === 'S' ? 'request' : 'reply'),
      ends: `${from} > ${to}${icmpId === undefined ? '' : `, id ${icmpId}`}`,
      ttl: Number(ttl),
      ipId: Number(ipId),
      linkSource,
      linkDestination,
    }),
  )

/** One of ours in the same form: with a dot in front of a port, as tcpdump has it. */
const line = (
  kind: string,
  { source, sourcePort, destination, destinationPort, icmpId, ...header }: Header,
) => {
  const { ttl, ipId, linkSource, linkDestination } = header
  const end = (address: string, port?: number) => (port === undefined ? address : `${address}.${port}`)
  const id = icmpId === undefined ? '' : `, id ${icmpId}`
  const ends = `${end(source, sourcePort)} > ${end(destination, destinationPort)}${id}`
  return { kind, ends, ttl, ipId, linkSource, linkDestination }
}

/** What tcpdump printed at a point of the two packets, told from others by their ends. */
const dumpedAt = ({ place, interface: name, request, reply }: Row) => {
  const own = [line('request', request), line('reply', reply)]
  return dumped(lab.opinions[`${place} ${name}`] ?? '').filter(({ ends, ipId }) =>
    own.some(item => item.ends === ends && item.ipId === ipId),
  )
}

describe('the walk', () => {
  test('goes as the article tells it: each point with the chain, the rule or the route that did it', () => {
    expect(seen('the walk: the default route (step 6)')).toBe(
      'veth2 routing     route default via 192.168.45.2 dev veth2 (table main)',
    )
    expect(seen('the walk, 1: PREROUTING')).toContain('veth1 prerouting  inet natspace guard: policy accept')
    expect(seen('the walk, 2: routing decision (steps 7 and 9)')?.split('\n')).toEqual([
      'veth1 routing     route 192.168.1.0/24 dev eth0 (table main); TTL 64 → 63',
      'veth1 forward     inet natspace forward, in outward: "accept"',
      'veth1 forward     ip filter FORWARD (iptables): "iifname "veth1" oifname "eth0" accept comment "natspace:myspace""',
      'net.ipv4.ip_forward = 1',
    ])
    expect(seen('the walk, 3: forwarding')).toContain('route 192.168.1.0/24 dev eth0 (table main)')
    expect(seen('the walk, 4: POSTROUTING (step 8)')).toBe(
      'eth0  postrouting inet natspace postrouting, in translate: "masquerade"; source 192.168.45.3 → 192.168.1.32',
    )
    expect(seen('the walk, 5: out')).toBe('eth0  went out    192.168.1.32 > 192.168.1.15, id 29610')
    expect(seen('the reply: reversed by connection tracking')?.split('\n')).toEqual([
      'eth0  prerouting  connection tracking: an answer of the connection, translated without a rule; destination 192.168.1.32 → 192.168.45.3',
      'conntrack         192.168.45.3 > 192.168.1.15, id 29610; its replies 192.168.1.15 > 192.168.1.32, id 29610',
    ])
  })

  test('passes the chains and rules that nft monitor trace prints of these packets, in their order', () => {
    for (const packet of ['request', 'reply'] as const) {
      const lines = printed(new RegExp(` ip id ${lab.captures[1]?.[packet].ipId} `))
      expect(lines.length).toBeGreaterThan(4)
      expect(told(lab.walk, packet)).toEqual(lines)
    }
  })

  test('has the connection that conntrack tells of when it begins and when it is answered', () => {
    const tuples =
      'src=192.168.45.3 dst=192.168.1.15 type=8 code=0 id=29610 (?:\\[UNREPLIED\\] )?src=192.168.1.15 dst=192.168.1.32 type=0 code=0 id=29610'
    const news = (lab.opinions.conntrack ?? '').split('\n').filter(line => new RegExp(tuples).test(line))
    expect(news.map(line => line.trim().split(' ')[0])).toEqual(['[NEW]', '[UPDATE]'])
    const end = lab.walk.find((line): line is TraceEndLine => line.type === 'end')
    expect(end?.connection).toMatchObject({
      original: { source: '192.168.45.3', destination: '192.168.1.15', icmp: { id: identifier } },
      reply: { source: '192.168.1.15', destination: '192.168.1.32', icmp: { id: identifier } },
    })
  })
})

describe('two spaces with the same identifier', () => {
  test('are both answered with it, and one had to get another outside', () => {
    expect(lab.identifiers.map(({ space, cable, answer }) => [space, cable.icmpId, answer])).toEqual([
      ['myspace', identifier, identifier],
      ['other', identifier, identifier],
    ])
    const [one, other] = lab.identifiers
    expect(one?.host2.icmpId).toBe(identifier)
    expect(other?.host2.icmpId).not.toBe(identifier)
    expect(other?.host2.source).toBe('192.168.1.32')
  })

  captured('as tcpdump saw it at host2', () => {
    const seenThere = dumped(lab.opinions['host2 eth0'] ?? '')
    for (const { host2 } of lab.identifiers) expect(seenThere).toContainEqual(line('request', host2))
  })

  test('as conntrack tells of both', () => {
    for (const { address, host2 } of lab.identifiers)
      expect(`${lab.opinions.conntrack}`).toMatch(
        new RegExp(
          `\\[NEW\\] icmp .*src=${address} dst=192.168.1.15 type=8 code=0 id=29610 \\[UNREPLIED\\] src=192.168.1.15 dst=192.168.1.32 type=0 code=0 id=${host2.icmpId}\\b`,
        ),
      )
    // The second space is gone by now, and its connections with it.
    expect(lab.list).toContain('src=192.168.45.3 dst=192.168.1.15 type=8 code=0 id=29610')
    expect(lab.list).not.toContain('192.168.46.3')
  })
})

describe('a connection to the published port', () => {
  const port = (): number => lab.inbound.captures[0]?.request.sourcePort ?? 0
  const end = (address: string, number?: number) => `${address}:${number}`
  const text = ({ source, sourcePort, destination, destinationPort }: Header) =>
    `${end(source, sourcePort)} > ${end(destination, destinationPort)}`

  test('has its destination rewritten on the way in, and the source of the answer on the way out', () => {
    const client = `192.168.1.15:${port()}`
    const rows = lab.inbound.captures.map(({ place, interface: name, request, reply }) => [
      `${place} ${name}`,
      text(request),
      text(reply),
    ])
    expect(rows).toEqual([
      ['host2 eth0', `${client} > 192.168.1.32:8080`, `192.168.1.32:8080 > ${client}`],
      ['host1 eth0', `${client} > 192.168.1.32:8080`, `192.168.1.32:8080 > ${client}`],
      ['host1 veth1', `${client} > 192.168.45.3:80`, `192.168.45.3:80 > ${client}`],
      ['myspace veth2', `${client} > 192.168.45.3:80`, `192.168.45.3:80 > ${client}`],
    ])
  })

  captured('as tcpdump saw it at each point', () => {
    for (const row of lab.inbound.captures)
      expect(dumpedAt(row)).toEqual([line('request', row.request), line('reply', row.reply)])
  })

  test('walks through the seven points of the article', () => {
    const claims = lab.proofs.filter(proof => proof.name.startsWith('inbound, '))
    expect(claims.map(({ expected }) => expected.replace(/[ ,:;].*/, ''))).toEqual([
      ...['A', 'PREROUTING', 'Routing', 'The', 'POSTROUTING', 'The', 'The'],
    ])
    expect(seen('inbound, 2: PREROUTING (DNAT)')).toMatch(
      /^eth0 {2}prerouting {2}inet natspace prerouting, in publish: .*; destination 192\.168\.1\.32 → 192\.168\.45\.3; destination port 8080 → 80$/,
    )
    expect(seen('inbound, 4: the route')).toContain(
      'route 192.168.45.0/24 dev veth1 (table main); TTL 64 → 63',
    )
    expect(seen('inbound, 5: POSTROUTING')).toContain('the source is still 192.168.1.15')
    expect(seen('inbound, 7: the server receives it')).toContain(
      'connection tracking: an answer of the connection, translated without a rule; source 192.168.45.3 → 192.168.1.32; source port 80 → 8080',
    )
  })

  test('passes the chains and rules that nft monitor trace prints of these packets, in their order', () => {
    const syn = printed(new RegExp(` ip id ${lab.inbound.captures[1]?.request.ipId} .*tcp sport ${port()} `))
    expect(syn.length).toBeGreaterThan(4)
    expect(told(lab.inbound.walk, 'request')).toEqual(syn)
    const accepted = printed(
      / ip saddr 192\.168\.45\.3 .*tcp sport 80 .*tcp flags == (?:0x12|\(?syn \| ack\)?) /,
    )
    expect(accepted.length).toBeGreaterThan(4)
    expect(told(lab.inbound.walk, 'reply')).toEqual(accepted)
  })

  test('is the connection that conntrack tells of', () => {
    const tuples = [
      `src=192.168.1.15 dst=192.168.1.32 sport=${port()} dport=8080`,
      `src=192.168.45.3 dst=192.168.1.15 sport=80 dport=${port()}`,
    ]
    expect(lab.opinions.conntrack).toContain(`SYN_SENT ${tuples.join(' [UNREPLIED] ')}\n`)
    expect(lab.list).toContain(tuples.join(' '))
  })
})

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
const events = (packet: string): EventLine[] =>
  lab.walk.filter((line): line is EventLine => line.type === 'event' && line.packet === packet)
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
    for (const { place, interface: name, request, reply } of lab.captures) {
      const printed = dumped(lab.opinions[`${place} ${name}`] ?? '')
      const walked = printed.filter(({ ipId }) => ipId === request.ipId || ipId === reply.ipId)
      const line = (kind: string, { length: _, ...header }: Header & { length?: number }) => ({
        kind,
        source: header.source,
        destination: header.destination,
        icmpId: header.icmpId,
        ttl: header.ttl,
        ipId: header.ipId,
        linkSource: header.linkSource,
        linkDestination: header.linkDestination,
      })
      expect<unknown>(walked).toEqual([line('request', request), line('reply', reply)])
    }
  })

  test('and all claims hold, each with what was seen', () => {
    expect(lab.proofs.filter(proof => !proof.ok)).toEqual([])
    expect(seen('the echo is one packet at all of them')).toMatch(
      /^request ip id \d+, \+0( \+\d+){3} µs; reply ip id /,
    )
  })
})

/** The echoes that `tcpdump -envi IF -p` printed. */
const dumped = (text: string) =>
  Array.from(
    text.matchAll(
      /^\S+ (\S+) > (\S+), ethertype IPv4 .*? ttl (\d+), id (\d+), .*\n +(\S+) > (\S+): ICMP echo (\w+), id (\d+)/gm,
    ),
    ([, linkSource, linkDestination, ttl, ipId, source, destination, kind, icmpId]) => ({
      kind,
      source,
      destination,
      icmpId: Number(icmpId),
      ttl: Number(ttl),
      ipId: Number(ipId),
      linkSource,
      linkDestination,
    }),
  )

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
    expect(seen('the walk, 5: out')).toBe('eth0  captured    192.168.1.32 > 192.168.1.15, id 29610')
    expect(seen('the reply: reversed by connection tracking')?.split('\n')).toEqual([
      'eth0  prerouting  connection tracking: an answer of the connection, translated without a rule; destination 192.168.1.32 → 192.168.45.3',
      'conntrack         192.168.45.3 > 192.168.1.15, id 29610; its replies 192.168.1.15 > 192.168.1.32, id 29610',
    ])
  })

  test('passes the chains and rules that nft monitor trace prints of these packets, in their order', () => {
    const text = lab.opinions.nft ?? ''
    for (const packet of ['request', 'reply'] as const) {
      const { ipId } = lab.captures[1]?.[packet] ?? {}
      const id = new RegExp(`^trace id (\\w+) .* ip id ${ipId} `, 'm').exec(text)?.[1]
      const printed = nftLines(text).flatMap(line =>
        line.startsWith(`trace id ${id} `) ? [line.slice(`trace id ${id} `.length)] : [],
      )
      const told = events(packet).flatMap(({ chain, rules, decidedBy, verdict }) => {
        if (chain === null) return []
        const table = chain.split(' ').slice(0, 2).join(' ')
        return [
          ...rules.map(rule => `${table} ${rule.chain} rule ${rule.text} (verdict ${rule.verdict})`),
          ...(decidedBy === 'policy' ? [`${chain} policy ${verdict}`] : []),
        ]
      })
      expect(printed.length).toBeGreaterThan(4)
      expect(told).toEqual(printed)
    }
  })

  test('has the connection that conntrack tells of when it begins and when it is answered', () => {
    const tuples =
      'src=192.168.45.3 dst=192.168.1.15 type=8 code=0 id=29610 (?:\\[UNREPLIED\\] )?src=192.168.1.15 dst=192.168.1.32 type=0 code=0 id=29610'
    const told = (lab.opinions.conntrack ?? '').split('\n').filter(line => new RegExp(tuples).test(line))
    expect(told.map(line => line.trim().split(' ')[0])).toEqual(['[NEW]', '[UPDATE]'])
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
    const printed = dumped(lab.opinions['host2 eth0'] ?? '')
    for (const { host2 } of lab.identifiers)
      expect(printed).toContainEqual(
        expect.objectContaining({
          kind: 'request',
          ipId: host2.ipId,
          icmpId: host2.icmpId,
          source: '192.168.1.32',
        }),
      )
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

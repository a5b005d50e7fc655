import { expect, test as plainTest } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expectOnNewHost } from '../support/host.ts'
import type { Probe, Protocol, Report, Server } from '../support/reach/exchange.ts'
import { crc32c, decodeSctp, encodeSctp } from '../support/reach/sctp.ts'
import { type Row, rowsBelow } from '../support/reach/table.ts'
import { requireTool } from '../support/tools.ts'

/**
 * Theory of operation. The tables of docs/publishing.md, against reality: each field of them is tried with every protocol,
 * family and shape of ports. Addresses that are known only once the spaces are up (those of IPv6) stand in the plan by
 * name, in angle brackets; the script that sets up the host says what they are.
 */
const test = requireTool('ip', 'nft', 'sysctl')

const protocols = ['tcp', 'udp', 'sctp'] as const
const shapes = ['single', 'same', 'shifted'] as const
type Family = 4 | 6
type Shape = (typeof shapes)[number]

/** A published port or range of three, of one of the columns; the port after it leads nowhere, though something serves there. */
type Published = {
  column: number
  /** Both, when no address of the host is named. */
  families: readonly Family[]
  protocol: Protocol
  shape: Shape
  outside: number
  inside: number
  option: string
}

/** The columns of the tables, as the host of this test writes them. */
const columns: Record<Family, string>[] = [
  { 4: '', 6: '' },
  { 4: '192.168.1.32:', 6: '[2001:db8::32]:' },
  { 4: '127.0.0.1:', 6: '[::1]:' },
]

const publishedFrom = (start: number): Published[] => {
  const hosts = columns.flatMap((host, column) =>
    host[4] === host[6]
      ? [{ column, families: [4, 6] as const, host: host[4] }]
      : ([4, 6] as const).map(family => ({ column, families: [family], host: host[family] })),
  )
  return protocols
    .flatMap(protocol => shapes.flatMap(shape => hosts.map(item => ({ ...item, protocol, shape }))))
    .map(({ host, ...item }, index) => {
      const outside = start + index * 10
      const inside = item.shape === 'same' ? outside : outside + 3000
      const range = (first: number) => (item.shape === 'single' ? `${first}` : `${first}-${first + 2}`)
      const option = `-p ${host}${range(outside)}:${range(inside)}/${item.protocol}`
      return { ...item, outside, inside, option }
    })
}

/** Who connects, by the words of the tables: the namespace, and its own address. */
const clients: Record<string, { where?: string; own: Record<Family, string> }> = {
  'another computer': { where: 'host2', own: { 4: '192.168.1.15', 6: '2001:db8::15' } },
  'this host': { own: { 4: '<target>', 6: '<target>' } },
  'another space': { where: 'other', own: { 4: '<other4>', 6: '<other6>' } },
}

/** An address to connect to, by the words of the tables; absent where a family has none such. */
const targets: Record<string, Partial<Record<Family, string>>> = {
  '192.0.2.5': { 4: '192.168.1.32', 6: '2001:db8::32' },
  '192.0.2.6': { 4: '192.168.1.33', 6: '2001:db8::33' },
  'the link-local address of IPv6': { 6: '<link-local>' },
  '127.0.0.1': { 4: '127.0.0.1', 6: '::1' },
  '127.0.0.1, sent here': { 4: '127.0.0.1', 6: '::1' },
  'its gateway': { 4: '<CLIENT-gateway4>', 6: '<CLIENT-gateway6>' },
  'the address inside': { 4: '<SPACE4>', 6: '<SPACE6>' },
}

type Case = Probe & { title: string; seen: string | undefined; inside: number }

/** A neighbour that was told that 127.0.0.1 is here. */
const intruder = { where: 'intruder', own: { 4: '192.168.2.15', 6: '2001:db8:2::15' } }

/** The cases of one field of a table. */
const casesOf = (row: Row, published: Published, family: Family, space: string): Omit<Case, 'id'>[] => {
  const { who, to } = row
  const said = row.cells[published.column]
  const client =
    to === '127.0.0.1, sent here'
      ? intruder
      : who === 'the space itself'
        ? { where: space, own: { 4: '', 6: '' } }
        : clients[who]
  const target = targets[to]
  if (client === undefined || target === undefined) throw new Error(`Unknown in a table: ${who} to ${to}`)
  const address = target[family]?.replace('CLIENT', client.where ?? '').replace('SPACE', space)
  if (address === undefined) return []
  const meanings: Record<string, string | undefined> = {
    no: undefined,
    'its own': client.own[family].replace('<target>', address),
    "the gateway's": `<${space}-gateway${family}>`,
  }
  if (said === undefined || !(said in meanings)) throw new Error(`Unknown in a table: ${said}`)
  const isDirect = to === 'the address inside'
  const { outside, inside, protocol, shape } = published
  const size = shape === 'single' ? 1 : 3
  return [0, ...(size > 1 ? [size - 1] : []), ...(isDirect ? [] : [size])].map(offset => ({
    title: `${who} to ${to} (${address}), ${published.option} +${offset}`,
    ...(client.where === undefined ? {} : { where: client.where }),
    protocol,
    to: address,
    port: (isDirect ? inside : outside) + offset,
    ...(address === '<link-local>' ? { device: 'eth0' } : {}),
    seen: offset === size ? undefined : meanings[said],
    again: offset !== size && meanings[said] !== undefined,
    inside: inside + offset,
  }))
}

const serversOf = (published: readonly Published[], where: string): Server[] =>
  published.flatMap(({ families, protocol, shape, inside }) =>
    families.flatMap(family =>
      Array.from({ length: shape === 'single' ? 2 : 4 }, (_, offset) => ({
        where,
        protocol,
        family,
        port: inside + offset,
      })),
    ),
  )

const optionsOf = (published: readonly Published[]): string => published.map(({ option }) => option).join(' ')

/** What was said as `NAME VALUE`, line by line. */
const namesIn = (output: string): Map<string, string> =>
  new Map(
    output
      .split('\n')
      .map(line => line.split(' '))
      .flatMap(([name, value]) => (name !== undefined && value !== undefined ? [[`<${name}>`, value]] : [])),
  )

/** Two networks with IPv6, a neighbour on the second that sends loopback addresses here, and functions for the script. */
const stage = `
ip address add 192.168.1.33/24 dev eth0
ip address add 2001:db8::32/64 dev eth0 nodad
ip address add 2001:db8::33/64 dev eth0 nodad
ip -n host2 address add 2001:db8::15/64 dev eth0 nodad
ip -n host2 route add 10.9.0.0/16 via 192.168.1.32
ip -n host2 -6 route add fd00::/8 via 2001:db8::32
ip netns add intruder
ip link add eth1 type veth peer name eth0 netns intruder
ip address add 192.168.2.32/24 dev eth1
ip address add 2001:db8:2::32/64 dev eth1 nodad
ip link set eth1 up
ip netns exec intruder sysctl -qw net.ipv4.conf.all.route_localnet=1
ip -n intruder address add 192.168.2.15/24 dev eth0
ip -n intruder address add 2001:db8:2::15/64 dev eth0 nodad
ip -n intruder link set eth0 up
ip -n intruder route add 127.0.0.1 via 192.168.2.32
ip -n intruder -6 route add ::1 via 2001:db8:2::32
nft 'table netdev watch {
  counter sent4 {}
  counter sent6 {}
  chain arrivals {
    type filter hook ingress device eth1 priority 0
    ip daddr 127.0.0.1 counter name sent4
    ip6 daddr ::1 counter name sent6
  }
}'
global() { ip $1 -6 -o address show dev $2 scope $3 | sed 's/.*inet6 \\([^/]*\\).*/\\1/'; }
names() {
  echo $1-gateway4 $2.1; echo $1"4" $2.2
  echo $1-gateway6 $(global '' veth-$1 global); echo $1"6" $(global "-n $1" eth0 global)
}
`

const runtime = process.execPath
const prober = join(import.meta.dirname, '../support/reach/prober.ts')

const markdown = readFileSync(join(import.meta.dirname, '../../docs/publishing.md'), 'utf8')

test('what docs/publishing.md says of who reaches what is so, for every protocol, family and shape', () => {
  const spaces = [
    { name: 'web', heading: '## Who reaches what', published: publishedFrom(10_000) },
    { name: 'hidden', heading: '### An internal space', published: publishedFrom(20_000) },
  ]
  const cases: Case[] = []
  for (const { name, heading, published } of spaces)
    for (const row of rowsBelow(markdown, heading))
      for (const item of published)
        for (const family of item.families)
          for (const found of casesOf(row, item, family, name)) cases.push({ ...found, id: cases.length + 1 })
  // Those that are answered do not wait for those that are not.
  const probes = cases
    .toSorted((one, other) => Number(other.again) - Number(one.again))
    .map(({ title: _, seen: __, inside: ___, ...probe }) => probe)
  const servers = spaces.flatMap(({ name, published }) => serversOf(published, name))

  const folder = mkdtempSync(join(tmpdir(), 'port-matrix-'))
  try {
    writeFileSync(join(folder, 'plan'), JSON.stringify({ servers, probes }))
    const output = expectOnNewHost(`
      ${stage}
      natspace up -q web --gateway 10.9.0.1/24 --address 10.9.0.2 ${optionsOf(spaces[0]?.published ?? [])}
      natspace up -q hidden --internal --gateway 10.9.1.1/24 --address 10.9.1.2 ${optionsOf(spaces[1]?.published ?? [])}
      natspace up -q other --gateway 10.9.2.1/24 --address 10.9.2.2
      { names web 10.9.0; names hidden 10.9.1; names other 10.9.2; echo link-local $(global '' eth0 link); } >/run/names
      while read name value; do echo "s#<$name>#$value#g"; done </run/names >/run/substitute
      sed -f /run/substitute ${folder}/plan | ${runtime} ${prober} >${folder}/report
      cat /run/names
      for counter in sent4 sent6; do echo $counter $(nft list counter netdev watch $counter | sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'); done`)
    const report = JSON.parse(readFileSync(join(folder, 'report'), 'utf8')) as Report
    const names = namesIn(output)
    const differing = cases.flatMap(({ id, title, seen, inside }) => {
      const answer = report.answers[id]
      const wanted = seen === undefined ? undefined : `${names.get(seen) ?? seen} at ${inside}`
      const found =
        answer === undefined
          ? report.arrived.includes(id)
            ? 'arrived, but no answer came back'
            : undefined
          : `${answer.peer} at ${answer.port}`
      return wanted === found ? [] : [`${title}: ${wanted ?? 'not reached'} expected, ${found ?? 'not reached'}`]
    })
    expect(differing).toEqual([])
    // The neighbour did send what it should.
    expect(Number(names.get('<sent4>'))).toBeGreaterThan(20)
    expect(Number(names.get('<sent6>'))).toBeGreaterThan(20)
    expect(cases.length).toBeGreaterThan(2000)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

plainTest('the SCTP packets of these tests are right: the checksum of RFC 9260, and back again', () => {
  // The check value of CRC-32C in catalogues of checksums.
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  const packet = {
    sourcePort: 20_001,
    destinationPort: 80,
    verificationTag: 7,
    kind: 'init-ack',
    initiateTag: 0x6000_0050,
    cookie: 'from 192.0.2.1',
  } as const
  const bytes = encodeSctp(packet)
  expect(decodeSctp(bytes)).toEqual(packet)
  bytes[20] = 1
  expect(decodeSctp(bytes)).toBeUndefined()
})

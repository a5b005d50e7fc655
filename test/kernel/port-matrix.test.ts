import { expect, test as plainTest } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectOnNewHost } from '../support/host.ts'
import type { Probe, Protocol, Server } from '../support/reach/exchange.ts'
import { reachOnNewHost } from '../support/reach/on-host.ts'
import { crc32c, decodeSctp, encodeSctp } from '../support/reach/sctp.ts'
import { type Row, tableBelow } from '../support/reach/table.ts'
import { requireTool } from '../support/tools.ts'

/**
 * Theory of operation. The tables of docs/publishing.md, against reality: each field of them is tried with every protocol,
 * family and shape of ports. Addresses that are known only once the spaces are up (those of IPv6) stand in the plan by
 * name, in angle brackets; the script that sets up the host says what they are.
 */
const test = requireTool('ip', 'nft', 'sysctl', 'nc', 'ss')

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
const hosts: { column: number; families: readonly Family[]; host: string }[] = [
  { column: 0, families: [4, 6], host: '' },
  { column: 1, families: [4], host: '192.168.1.32:' },
  { column: 1, families: [6], host: '[2001:db8::32]:' },
  { column: 2, families: [4], host: '127.0.0.1:' },
  { column: 2, families: [6], host: '[::1]:' },
]

const publishedFrom = (start: number): Published[] =>
  protocols
    .flatMap(protocol => shapes.flatMap(shape => hosts.map(host => ({ ...host, protocol, shape }))))
    .map(({ host, ...item }, index) => {
      const outside = start + index * 10
      const inside = item.shape === 'same' ? outside : outside + 3000
      const range = (first: number) => (item.shape === 'single' ? `${first}` : `${first}-${first + 2}`)
      const option = `-p ${host}${range(outside)}:${range(inside)}/${item.protocol}`
      return { ...item, outside, inside, option }
    })

/** `own` is how it appears, `from` what it binds to: nothing leaves the choice to the kernel. */
type Client = { where?: string; own: Record<Family, string>; from?: Record<Family, string> }

/** Who connects, by the words of the tables. */
const host2 = { where: 'host2', own: { 4: '192.168.1.15', 6: '2001:db8::15' } }
const clients: Record<string, Client> = {
  'another computer': { ...host2, from: host2.own },
  'another computer, from a link-local address': host2,
  // To the second address of a subnet it connects with the first, which the kernel writes into the local route.
  'this host': { own: { 4: '192.168.1.32', 6: '<target>' } },
  'another space': { where: 'other', own: { 4: '<other4>', 6: '<other6>' } },
}

/** An address to connect to, by the words of the tables; absent where a family has none such. */
const targets: Record<string, Partial<Record<Family, string>>> = {
  '192.0.2.5': { 4: '192.168.1.32', 6: '2001:db8::32' },
  '192.0.2.6': { 4: '192.168.1.33', 6: '2001:db8::33' },
  'the link-local address': { 6: '<link-local>' },
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
  const client: Client | undefined =
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
  const offsets = [0, ...(size > 1 ? [size - 1] : []), ...(isDirect ? [] : [size])]
  return offsets.map(offset => ({
    title: `${who} to ${to} (${address}), ${published.option} +${offset}`,
    ...(client.where === undefined ? {} : { where: client.where }),
    protocol,
    to: address,
    port: (isDirect ? inside : outside) + offset,
    ...(address === '<link-local>' ? { device: 'eth0' } : {}),
    ...(client.from === undefined ? {} : { from: client.from[family] }),
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

/** What each table has to speak of. */
const atLeast = [
  'another computer to 192.0.2.5',
  'this host to 192.0.2.5',
  'this host to 127.0.0.1',
  'the space itself to 192.0.2.5',
  'another space to 192.0.2.5',
]

const notReached = 'not reached'

/** Two networks with IPv6, and a neighbour on the second that sends what is for loopback addresses here. */
const stage = `
ip address add 192.168.1.33/24 dev eth0
dual_stack
ip address add 2001:db8::33/64 dev eth0 nodad
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
`

const markdown = readFileSync(join(import.meta.dirname, '../../docs/publishing.md'), 'utf8')

test('what docs/publishing.md says of who reaches what is so, for every protocol, family and shape', () => {
  const spaces = [
    { name: 'web', heading: '## Who reaches what', published: publishedFrom(10_000) },
    { name: 'hidden', heading: '### An internal space', published: publishedFrom(20_000) },
  ]
  const cases: Case[] = []
  for (const { name, heading, published } of spaces) {
    const { columns, rows } = tableBelow(markdown, heading)
    expect(columns).toEqual(['`8080:80`', '`192.0.2.5:8080:80`', '`127.0.0.1:8080:80`'])
    expect(rows.map(({ who, to }) => `${who} to ${to}`)).toEqual(expect.arrayContaining(atLeast))
    for (const row of rows)
      for (const item of published)
        for (const family of item.families)
          for (const found of casesOf(row, item, family, name)) cases.push({ ...found, id: cases.length + 1 })
  }
  // Those that are answered do not wait for those that are not.
  const probes = cases
    .toSorted((one, other) => Number(other.again) - Number(one.again))
    .map(({ title: _, seen: __, inside: ___, ...probe }) => probe)
  const servers = spaces.flatMap(({ name, published }) => serversOf(published, name))

  const { output, names, reports } = reachOnNewHost(
    `
      ${stage}
      natspace up -q web --gateway 10.9.0.1/24 --address 10.9.0.2 ${optionsOf(spaces[0]?.published ?? [])}
      natspace up -q hidden --internal --gateway 10.9.1.1/24 --address 10.9.1.2 ${optionsOf(spaces[1]?.published ?? [])}
      natspace up -q other --gateway 10.9.2.1/24 --address 10.9.2.2
      names web hidden other
      reach all
      nft list table netdev watch`,
    { all: { servers, probes } },
  )
  const { answers, arrived } = reports.all
  const differing = cases.flatMap(({ id, title, seen, inside }) => {
    const answer = answers[id]
    const wanted =
      seen === undefined ? notReached : `${names.get(seen.replace(/[<>]/g, '')) ?? seen} at ${inside}`
    const unanswered = arrived.includes(id) ? 'arrived, but no answer came back' : notReached
    const found = answer === undefined ? unanswered : `${answer.peer} at ${answer.port}`
    return wanted === found ? [] : [`${title}: ${wanted} expected, ${found}`]
  })
  expect(differing).toEqual([])
  // The neighbour did send what it should.
  const counts = [...output.matchAll(/packets (\d+)/g)].map(match => Number(match[1]))
  expect(counts.map(count => count > 20)).toEqual([true, true])
  expect(cases.length).toBeGreaterThan(2000)
})

test('what it says of refusals is so', () => {
  const refusals: [string, string][] = [
    ['natspace up other -p 9000-9010:80-95', 'BAD_PUBLISH'],
    ['natspace up other --ipv6 off -p [::1]:9000:80', 'BAD_PUBLISH'],
    ['natspace up other -p 65536', 'BAD_PORT'],
    ['natspace up other -p 9010-9000', 'BAD_PORT'],
    ['natspace up other -p 9000-9010 -p 127.0.0.1:9005:80', 'DUPLICATE_PORT'],
    ['natspace up other -p 8080:80', 'PORT_TAKEN'],
    ['natspace up other -p 127.0.0.1:8080:80', 'PORT_TAKEN'],
    ['natspace up other -p 7000', 'PORT_TAKEN'],
    ['natspace unpublish web 8081', 'NOT_PUBLISHED'],
    ['natspace unpublish web 5353/udp', 'AMBIGUOUS_PORT'],
  ]
  for (const [, code] of refusals) expect(markdown).toMatch(new RegExp(`^\\|.*\`${code}\`.*\\|$`, 'm'))
  const output = expectOnNewHost(`
    natspace up -q web -p 8080:80 -p 8080:80/udp -p 127.0.0.1:5353:53/udp -p 192.168.1.32:5353:53/udp
    natspace publish -q web 8443:443
    natspace unpublish -q web 8443
    timeout 20 nc -lk 7000 >/dev/null & listener=$!
    for attempt in $(seq 200); do ss -Hltn 'sport = :7000' | grep -q 7000 && break; sleep 0.01; done
    ${refusals.map(([command]) => `${command} 2>&1 | sed -n 's/^ *code: //p'`).join('\n')}
    kill $listener`)
  expect(output.trim().split('\n')).toEqual(refusals.map(([, code]) => code))
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

import type { IpFamily } from '../../linux/net/ip.ts'
import { boundAddress, isPublishedIn } from '../spec/publish.ts'
import type { Egress, Publish, ResolvedSpace } from '../spec/types.ts'
import { firstRule, type IptablesItem, refuse, rule } from './iptables-rule.ts'
import { neighbourDiscovery, redirect, shared } from './iptables-shared.ts'

/** What one space adds to the shared chains, in groups that belong together. */
export type IptablesGroup = { why: string; items: IptablesItem[] }

/** A space as one family sees it. */
type Side = { family: IpFamily; space: ResolvedSpace; cable: string; address: string }

/** The groups of a space for one family; none where it has no address of it. */
export const groupsOf = (space: ResolvedSpace, family: IpFamily): IptablesGroup[] => {
  const address = family === 4 ? space.address : space.ipv6?.address
  if (address === undefined) return []
  const { name, hostInterface: cable } = space
  const side = { family, space, cable, address }
  return [
    {
      why: `Guard ${name}: it has no source but its own, and only published ports lead to it.`,
      items: guard(side),
    },
    { why: `What ${name} may ask of this host itself.`, items: host(side) },
    { why: `What ${name} may begin.`, items: leaving(side) },
    {
      why: `What may reach ${name}: answers, published ports, and spaces connected to it.`,
      items: toSpace(side),
    },
    { why: 'Segments that fit the route, in both directions.', items: clamp(side) },
    { why: 'Step 8: outside sees the address of this host.', items: outbound(side) },
    { why: `What has to be answered by way of this host on its way to ${name}.`, items: inbound(side) },
    { why: 'Published ports: lead new connections from outside to the inside.', items: publish(side) },
    { why: 'Step 9: behind the rules of others, let the packets of the space pass.', items: accept(side) },
  ].filter(({ items }) => items.length > 0)
}

/** A chain for one cable, in any table: 12 bytes and a name of 15 at most, where a chain may have 28. */
const own = (cable: string): string => `NATSPACE-ON-${cable}`

const state = (...words: string[]): string[] => ['-m', 'conntrack', ...words]

const guard = ({ family, cable, address }: Side): IptablesItem[] => [
  {
    table: 'raw',
    chain: own(cable),
    rules: [
      ...(family === 4 ? [[...redirect(family), '-j', 'DROP']] : []),
      ['-s', address, '-j', 'RETURN'],
      ...neighbourDiscovery(family).map(match => ['-s', 'fe80::/10', ...match, '-j', 'RETURN']),
      ['-j', 'DROP'],
    ],
  },
  // What comes out of a cable goes back from there to the rules of others, and not on to what follows here.
  firstRule('raw', shared.guard, '-i', cable, '-g', own(cable)),
  rule('raw', shared.guard, '!', '-i', 'lo', '-d', address, '-j', 'DROP'),
  rule('raw', shared.guard, '!', '-i', 'lo', '-s', address, '-j', 'DROP'),
]

const host = ({ family, space, cable }: Side): IptablesItem[] => [
  ...(space.host === 'all' ? [] : [firstRule('filter', 'INPUT', '-i', cable, '-j', hostChain(space))]),
  // A host that sees a packet leave by the cable it came from would tell the space a better way.
  firstRule('filter', 'OUTPUT', '-o', cable, ...redirect(family), '-j', 'DROP'),
]

/** A resolver asks others, so it would be a way out of an internal space (CVE-2024-29018). */
const hostChain = ({ host, internal }: ResolvedSpace): string => {
  if (host === 'none') return shared.noHost
  return internal ? shared.echo : shared.host
}

const leaving = ({ family, space, cable }: Side): IptablesItem[] => {
  const { internal, metadata, uplink, egress, connect } = space
  const no = refuse(family)
  return [
    {
      table: 'filter',
      chain: own(cable),
      rules: [
        ...connect.map(peer => ['-o', peer.hostInterface, '-j', 'RETURN']),
        ...(internal ? [no] : []),
        ...(internal || metadata ? [] : [['-j', shared.metadata]]),
        ...(internal || uplink === undefined ? [] : [['!', '-o', uplink, '-j', shared.pinned]]),
        ...(internal || egress === undefined
          ? []
          : [
              ...egress.flatMap(entry => allowed(entry, family)).map(match => [...match, '-j', 'RETURN']),
              no,
            ]),
      ],
    },
    // A late FIN or RST has no translation any more and would leave with the inside address.
    rule('filter', shared.refuse, '-i', cable, ...state('--ctstate', 'INVALID,UNTRACKED'), '-j', 'DROP'),
    rule('filter', shared.refuse, '-i', cable, ...state('--ctdir', 'ORIGINAL'), '-j', own(cable)),
    ...connect.map(peer =>
      firstRule('filter', shared.connected, '-i', cable, '-o', peer.hostInterface, '-j', 'RETURN'),
    ),
  ]
}

/** A destination of an egress list as matches: rules may overlap, and a port without a protocol is one of each. */
const allowed = ({ network, protocol, port }: Egress, family: IpFamily): (string | number)[][] => {
  if (network !== undefined && network.includes(':') !== (family === 6)) return []
  const to = network === undefined ? [] : ['-d', network]
  if (protocol === 'icmp') return [[...to, '-p', family === 4 ? 'icmp' : 'icmpv6']]
  if (port === undefined) return [[...to, ...(protocol === undefined ? [] : ['-p', protocol])]]
  const protocols = protocol === undefined ? (['tcp', 'udp', 'sctp'] as const) : [protocol]
  return protocols.map(name => [...to, '-p', name, '--dport', rangeText(port, ':')])
}

const rangeText = ({ first, last }: { first: number; last: number }, between: string): string =>
  first === last ? `${first}` : `${first}${between}${last}`

const toSpace = ({ cable }: Side): IptablesItem[] => [
  rule('filter', shared.refuse, '-o', cable, ...state('--ctstate', 'INVALID,UNTRACKED'), '-j', 'DROP'),
  rule(
    ...(['filter', shared.refuse, '-o', cable] as const),
    ...state('!', '--ctstate', 'ESTABLISHED,RELATED,DNAT'),
    ...['-j', shared.connected],
  ),
  firstRule('filter', shared.pinned, '-o', cable, '-j', 'RETURN'),
]

const clamp = ({ cable }: Side): IptablesItem[] =>
  ['-i', '-o'].map(direction =>
    rule(
      ...(['mangle', 'FORWARD', direction, cable, '-p', 'tcp', '--tcp-flags', 'SYN', 'SYN'] as const),
      ...['-j', 'TCPMSS', '--clamp-mss-to-pmtu'],
    ),
  )

/** ICMP queries keep their identifier where they can; ports are chosen at random from where programs get theirs. */
const outbound = ({ family, space, address }: Side): IptablesItem[] => {
  const { internal, source } = space
  if (internal) return []
  const chosen = family === 4 ? source?.ipv4 : source?.ipv6
  const from = (...words: string[]) => rule('nat', shared.source, '-s', address, ...words)
  const ports = '32768-60999'
  const [withPorts, without] =
    chosen === undefined
      ? [['MASQUERADE', '--to-ports', ports], ['MASQUERADE']]
      : [
          ['SNAT', '--to-source', `${family === 4 ? chosen : `[${chosen}]`}:${ports}`],
          ['SNAT', '--to-source', chosen],
        ]
  return [
    ...['tcp', 'udp', 'sctp'].map(protocol => from('-p', protocol, '-j', ...withPorts, '--random-fully')),
    from('-j', ...without),
  ]
}

/** First in the shared chain: what goes to a space is not what leaves this host, and keeps its source otherwise. */
const inbound = ({ family, space, cable, address }: Side): IptablesItem[] => {
  const translated = ['-j', 'MASQUERADE']
  const sources = [
    // A space that reaches itself through a published port.
    ...(space.publish.length > 0 ? [address] : []),
    // This host with an address that cannot leave it.
    family === 4 ? '127.0.0.0/8' : '::1',
  ]
  return [
    {
      table: 'nat',
      chain: own(cable),
      // An internal space can answer nobody but the host end of its cable.
      rules: space.internal ? [translated] : sources.map(source => ['-s', source, ...translated]),
    },
    firstRule('nat', shared.source, '-o', cable, '-g', own(cable)),
  ]
}

/** No two spaces publish the same port, so the order of the rules does not matter. */
const publish = ({ family, space, address }: Side): IptablesItem[] =>
  space.publish.filter(item => isPublishedIn(family, item)).flatMap(item => translations(address, item))

const translations = (address: string, item: Publish): IptablesItem[] => {
  const { protocol, hostPort, port } = item
  const hostAddress = boundAddress(item)
  const lead = (dport: string, target: string) =>
    rule(
      ...(['nat', shared.publish] as const),
      ...(hostAddress === undefined ? [] : ['-d', hostAddress]),
      ...['-p', protocol, '--dport', dport, '-j', 'DNAT', '--to-destination', target],
    )
  const isRange = hostPort.last > hostPort.first
  if (isRange && hostPort.first === port.first) return [lead(rangeText(hostPort, ':'), address)]
  const inside = address.includes(':') ? `[${address}]` : address
  return Array.from({ length: hostPort.last - hostPort.first + 1 }, (_, offset) =>
    lead(`${hostPort.first + offset}`, `${inside}:${port.first + offset}`),
  )
}

const accept = ({ cable }: Side): IptablesItem[] =>
  ['-i', '-o'].map(direction => rule('filter', shared.accept, direction, cable, '-j', 'ACCEPT'))

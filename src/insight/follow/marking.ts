import { ipFamily } from '../../linux/net/ip.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { ct, fib, match, meta, payload, range, type Statement } from '../../linux/nftables/index.ts'
import { boundAddress, isPublishedIn } from '../../space/spec/publish.ts'
import type { Publish, ResolvedSpace } from '../../space/spec/types.ts'
import type { MarkRate } from '../walk/trace-rate.ts'
import type { MarkConditions, TraceTableOptions } from '../walk/trace-table.ts'
import type { TracedFlow } from '../walk/traced-flow.ts'
import { addressesOf, type Scope, wants } from './scope.ts'

/**
 * Theory of operation. In the space all that passes its cable is marked. In the host a packet is marked when it comes out of
 * the cable, when it asks for a published port or for the space's own address, and behind connection tracking when its
 * connection begins or ends in the space. Not all packets of established connections are: `MarkRate`. The space's own
 * connection tracking is not asked, as asking would turn it on. Pure.
 */

/** More is not told of, however much there is, unless it is said. */
const usualRate: MarkRate = { ends: 2000, beginnings: 300, others: 50 }

/** What marks packets in the space, and in the host. */
export const markingOf = (
  space: ResolvedSpace,
  scope: Scope,
  rate: MarkRate = usualRate,
): { inside: TraceTableOptions; host: TraceTableOptions } => ({
  inside: { flows: [], rate, also: { early: insideConditions(space, scope) } },
  host: {
    flows: [],
    rate,
    byConnection: true,
    also: { early: hostConditions(space, scope), tracked: connectionConditions(space, scope) },
  },
})

/** The flows whose connections are looked at. */
export const watchedFlows = (space: ResolvedSpace, { from }: Scope): TracedFlow[] => [
  ...addressesOf(space).map(
    (address): TracedFlow => ({ family: ipFamily(address) ?? 4, source: { address } }),
  ),
  ...(from?.address === undefined
    ? []
    : [{ family: ipFamily(from.address) ?? 4, source: { address: from.address } } as const]),
]

const nameMatch = (key: 'iifname' | 'oifname', name: string): Statement => match(meta(key), name)

const addressMatch = (role: 'saddr' | 'daddr', address: string): Statement =>
  match(ipFamily(address) === 6 ? payload('ip6', role) : payload('ip', role), address)

const insideConditions = (space: ResolvedSpace, { from }: Scope): Statement[][] => {
  const [input, output] = [nameMatch('iifname', space.interface), nameMatch('oifname', space.interface)]
  if (from?.address === undefined) return [[input], [output]]
  // Whoever cannot be answered otherwise is seen in the space as its gateway.
  const gateway = ipFamily(from.address) === 6 ? space.ipv6?.gateway : space.gateway
  return [from.address, ...(gateway === undefined ? [] : [gateway])].flatMap(address => [
    [input, addressMatch('saddr', address)],
    [output, addressMatch('daddr', address)],
  ])
}

const hostConditions = (space: ResolvedSpace, scope: Scope): MarkConditions => {
  const cable = nameMatch('iifname', space.hostInterface)
  const { from } = scope
  if (from?.address !== undefined)
    return [
      [addressMatch('saddr', from.address), ...portMatch(from.port)],
      [cable, addressMatch('daddr', from.address)],
    ]
  return [
    [cable],
    ...(wants(scope, 'in')
      ? [
          ...addressesOf(space).map(address => [addressMatch('daddr', address)]),
          ...space.publish.map(publishedMatch),
        ]
      : []),
  ]
}

/** Only a protocol with ports has one: the port is that of TCP and its kin alone. */
const portMatch = (port: number | undefined): Statement[] =>
  port === undefined ? [] : [match(payload('th', 'sport'), port)]

const publishedMatch = (publish: Publish): Statement[] => {
  const bound = boundAddress(publish)
  return [
    ...(bound !== undefined || publish.hostAddress === undefined
      ? []
      : [match(meta('nfproto'), isPublishedIn(6, publish) ? 'ipv6' : 'ipv4')]),
    match(meta('l4proto'), PROTOCOL_NUMBER[publish.protocol]),
    bound === undefined ? match(fib(['daddr'], 'type'), 'local') : addressMatch('daddr', bound),
    match(payload('th', 'dport'), portsOf(publish.hostPort)),
  ]
}

const connectionConditions = (space: ResolvedSpace, scope: Scope): MarkConditions => {
  const by = (tuple: 'original' | 'reply', address: string): Statement =>
    match(ct(ipFamily(address) === 6 ? 'ip6 saddr' : 'ip saddr', tuple), address)
  const { from } = scope
  if (from?.address !== undefined)
    return [
      [
        by('original', from.address),
        ...(from.port === undefined ? [] : [match(ct('proto-src', 'original'), from.port)]),
      ],
    ]
  return [
    ...addressesOf(space).flatMap(address => [
      ...(wants(scope, 'out') ? [[by('original', address)]] : []),
      // The source of the answers.
      ...(wants(scope, 'in') ? [[by('reply', address)]] : []),
    ]),
    ...(wants(scope, 'in') ? space.publish.map(takenByHost) : []),
  ]
}

/** Answers of the host itself where a published port should have led to the space. */
const takenByHost = ({ protocol, hostPort }: Publish): Statement[] => [
  match(ct('direction'), 'reply'),
  match(ct('protocol', 'original'), PROTOCOL_NUMBER[protocol]),
  match(ct('proto-dst', 'original'), portsOf(hostPort)),
  match(fib(['saddr'], 'type'), 'local'),
]

const portsOf = ({ first, last }: Publish['hostPort']) => (first === last ? first : range(first, last))

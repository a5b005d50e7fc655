import { ct, match, meta, type Statement } from '../../linux/nftables/index.ts'
import { type FlowEnd, hasPorts, isKnown, type TracedFlow } from './traced-flow.ts'

/**
 * The conditions under which a packet belongs to a connection that is traced, each a list of statements that must all match:
 * either tuple of the connection is asked, so it does not matter what is translated. An error of ICMP belongs to the
 * connection that it is about. Pure.
 */
export const connectionConditions = (flow: TracedFlow): Statement[][] => {
  const { family, protocol, source, destination } = flow
  const base: Statement[] = [
    // Which protocol it is of: that of an error is another than the packet's own.
    ...(protocol === undefined ? [] : [match(ct('protocol', 'original'), protocol)]),
  ]
  const [from, to] = [known(source), known(destination)]
  if (from === undefined && to === undefined)
    return [[match(meta('nfproto'), family === 4 ? 'ipv4' : 'ipv6'), ...base]]
  if (from !== undefined && to !== undefined)
    return (['original', 'reply'] as const).map(tuple => {
      // The answers are of the same two ends where nothing is translated, the other way round.
      const [source, destination] = tuple === 'original' ? [from, to] : [to, from]
      return [
        ...base,
        ...endMatch(flow, source, tuple, 'source'),
        ...endMatch(flow, destination, tuple, 'destination'),
      ]
    })
  const end = from ?? to ?? {}
  return (['original', 'reply'] as const).flatMap(tuple =>
    (['source', 'destination'] as const).map(role => [...base, ...endMatch(flow, end, tuple, role)]),
  )
}

const known = (end: FlowEnd | undefined): FlowEnd | undefined => (isKnown(end) ? end : undefined)

const endMatch = (
  { family, protocol }: TracedFlow,
  { address, port }: FlowEnd,
  tuple: 'original' | 'reply',
  role: 'source' | 'destination',
): Statement[] => {
  const side = role === 'source' ? 'saddr' : 'daddr'
  return [
    ...(address === undefined
      ? []
      : [match(ct(family === 4 ? `ip ${side}` : `ip6 ${side}`, tuple), address)]),
    ...(port === undefined || !hasPorts(protocol)
      ? []
      : [match(ct(role === 'source' ? 'proto-src' : 'proto-dst', tuple), port)]),
  ]
}

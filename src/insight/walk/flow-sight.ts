import { type Flow, type FlowSelector, type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import type { HeaderChange } from './header-change.ts'
import type { PacketHeader } from './packet-header.ts'
import { type FlowEnd, type TracedFlow, tellingEnds } from './traced-flow.ts'

/**
 * Theory of operation. Connection tracking keeps two tuples of a flow: of its first packet before any translation, and
 * of the answers before they are translated back. Mirrored, each tells how packets of the other direction look behind
 * the translation. So a packet, wherever it is seen, is one of four; and where the two agree, nothing was translated.
 */

/** Where a packet stands in its flow. Where nothing is translated, it is `before` and `after` at once: `untranslated`. */
export type FlowSight = {
  direction: 'original' | 'reply'
  side: 'before' | 'after' | 'untranslated'
}

const isSameTuple = (one: FlowTuple, other: FlowTuple): boolean =>
  one.source === other.source &&
  one.destination === other.destination &&
  one.protocol === other.protocol &&
  one.sourcePort === other.sourcePort &&
  one.destinationPort === other.destinationPort &&
  one.icmp?.id === other.icmp?.id &&
  one.icmp?.type === other.icmp?.type

/** Where packets with this tuple stand in a flow; undefined when they are not of it. Pure. */
export const sightOf = ({ original, reply }: Flow, tuple: FlowTuple): FlowSight | undefined => {
  const sight = (direction: FlowSight['direction'], before: FlowTuple, after: FlowTuple) => {
    const sides = [isSameTuple(before, tuple), isSameTuple(after, tuple)]
    if (sides[0]) return { direction, side: sides[1] ? ('untranslated' as const) : ('before' as const) }
    return sides[1] ? { direction, side: 'after' as const } : undefined
  }
  return sight('original', original, mirrorOf(reply)) ?? sight('reply', reply, mirrorOf(original))
}

/** The tuple of a packet as connection tracking would write it; undefined for a protocol that is not known. Pure. */
export const tupleOfHeader = (header: PacketHeader): FlowTuple | undefined => {
  const { source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode, icmpId } = header
  if (protocol === undefined) return undefined
  return {
    source,
    destination,
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(icmpId === undefined ? {} : { icmp: { type: icmpType ?? 0, code: icmpCode ?? 0, id: icmpId } }),
  }
}

/** What is translated in the original direction, field by field; empty where there is no NAT. Pure. */
export const translationsOf = ({ original, reply }: Pick<Flow, 'original' | 'reply'>): HeaderChange[] => {
  const after = mirrorOf(reply)
  const pairs: [HeaderChange['field'], string | number | undefined, string | number | undefined][] = [
    ['source', original.source, after.source],
    ['sourcePort', original.sourcePort, after.sourcePort],
    ['destination', original.destination, after.destination],
    ['destinationPort', original.destinationPort, after.destinationPort],
    ['icmpId', original.icmp?.id, after.icmp?.id],
  ]
  return pairs.flatMap(([field, before, now]): HeaderChange[] =>
    before === undefined || now === undefined || before === now ? [] : [{ field, before, after: now }],
  )
}

const isEnd = ({ address, port }: FlowEnd, { source, sourcePort }: FlowTuple): boolean =>
  (address === undefined || address === source) && (port === undefined || port === sourcePort)

/**
 * Whether a flow may be the one that is traced: as with packets, one end that was not translated tells it, so others may
 * be meant too. `sightOf` a packet says which one it is. Pure.
 */
export const isTraced = (traced: TracedFlow, { family, original, reply }: Flow): boolean => {
  if (traced.family !== family) return false
  if (traced.protocol !== undefined && traced.protocol !== original.protocol) return false
  const ids = [original.icmp?.id, reply.icmp?.id]
  if (traced.icmpId !== undefined && !ids.includes(traced.icmpId)) return false
  const ends = tellingEnds(traced)
  const directions = [original, mirrorOf(original), reply, mirrorOf(reply)]
  return ends.length === 0 || ends.some(end => directions.some(tuple => isEnd(end, tuple)))
}

/** What to ask the list of connections for, to get every flow that `isTraced` may accept. Pure. */
export const selectorsOf = (traced: TracedFlow): FlowSelector[] => {
  const { family, protocol } = traced
  const common = { family, ...(protocol === undefined ? {} : { protocol }) }
  const ends = tellingEnds(traced)
  if (ends.length === 0 || ends.some(({ address }) => address === undefined)) return [common]
  return ends.flatMap(({ address = '' }) => [
    { ...common, originalSource: address },
    { ...common, originalDestination: address },
    { ...common, replySource: address },
    { ...common, replyDestination: address },
  ])
}

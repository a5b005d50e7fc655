import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import {
  counter,
  ct,
  leave,
  limit,
  mask,
  match,
  meta,
  payload,
  type Statement,
  traceOn,
} from '../../linux/nftables/index.ts'

/**
 * Theory of operation. Every step of a marked packet is an event that the kernel makes and somebody reads, so under heavy
 * traffic not all packets can be marked. What tells a story is how connections begin, how they are answered, and how they
 * end: packets of TCP with SYN, FIN or RST, and those of connections that are new, are marked first. Of all others only some
 * are, so that a drop which begins later is seen too; those that were left out are counted.
 */

/** Packets that are marked in a second, for each place where they are marked. */
export type MarkRate = {
  /** TCP with SYN, FIN or RST. */
  ends: number
  /** Of connections that are new, related, or of none. */
  beginnings: number
  /** All others. */
  others: number
}

/** A rule that marks packets, or counts those that were left out; its comment tells which. */
export type MarkRule = { statements: Statement[]; comment?: string }

/** What was left out: packets that begin or end a connection, and others. */
export const leftOut = { beginnings: 'left out: beginnings and ends', others: 'left out' } as const

/** The rules that mark, in order. `isTracked`: connection tracking has seen the packet. Pure. */
export const marks = (
  rate: MarkRate | undefined,
  { byConnection, isTracked }: { byConnection: boolean; isTracked: boolean },
): MarkRule[] => {
  if (rate === undefined) return [{ statements: [traceOn()] }]
  const upTo = (most: number, ...conditions: Statement[]): MarkRule => ({
    statements: [...conditions, limit(most, 'second', { burst: Math.max(5, most) }), traceOn(), leave()],
  })
  const count = (comment: string, ...conditions: Statement[]): MarkRule => ({
    statements: [...conditions, counter(), ...(conditions.length === 0 ? [] : [leave()])],
    comment,
  })
  const tcp = match(meta('l4proto'), PROTOCOL_NUMBER.tcp)
  const others = match(meta('l4proto'), PROTOCOL_NUMBER.tcp, '!=')
  const ends = [tcp, match(payload('tcp', 'flags'), ['fin', 'syn', 'rst'])]
  // What is left out here is seen behind connection tracking, but for what is dropped before it.
  if (byConnection && !isTracked) return [upTo(rate.ends, ...ends), upTo(rate.others)]
  if (!isTracked)
    return [
      upTo(rate.ends, ...ends),
      upTo(rate.beginnings, others),
      upTo(rate.others),
      count(leftOut.beginnings, ...ends),
      count(leftOut.others),
    ]
  const isNew = match(ct('state'), ['new', 'related', 'invalid', 'untracked'])
  return [
    upTo(rate.ends, ...ends),
    upTo(rate.beginnings, isNew),
    // An answer makes its connection established at once, and assured only when there were more. That of TCP has a SYN.
    upTo(rate.beginnings, others, match(mask(ct('status'), 'assured'), 0)),
    upTo(rate.others),
    count(leftOut.beginnings, ...ends),
    count(leftOut.beginnings, isNew),
    count(leftOut.others),
  ]
}

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

/** The rules that mark, in order; each a list of statements. `isTracked`: connection tracking has seen the packet. Pure. */
export const marks = (
  rate: MarkRate | undefined,
  { byConnection, isTracked }: { byConnection: boolean; isTracked: boolean },
): Statement[][] => {
  if (rate === undefined) return [[traceOn()]]
  const upTo = (most: number, ...conditions: Statement[]): Statement[] => [
    ...conditions,
    limit(most, 'second', { burst: Math.max(5, most) }),
    traceOn(),
    leave(),
  ]
  const tcp = match(meta('l4proto'), PROTOCOL_NUMBER.tcp)
  const others = match(meta('l4proto'), PROTOCOL_NUMBER.tcp, '!=')
  const ends = upTo(rate.ends, tcp, match(payload('tcp', 'flags'), ['fin', 'syn', 'rst']))
  // What is left out here is seen behind connection tracking, but for what is dropped before it.
  if (byConnection && !isTracked) return [ends, upTo(rate.others)]
  if (!isTracked) return [ends, upTo(rate.beginnings, others), upTo(rate.others), [counter()]]
  return [
    ends,
    upTo(rate.beginnings, match(ct('state'), ['new', 'related', 'invalid', 'untracked'])),
    // An answer makes its connection established at once, and assured only when there were more.
    upTo(rate.beginnings, match(mask(ct('status'), 'assured'), 0)),
    upTo(rate.others),
    [counter()],
  ]
}

import type { FlowTuple } from '../../linux/conntrack/tuple.ts'
import { parseIp } from '../../linux/net/ip.ts'

/**
 * A tuple as a text that two equal tuples share, made alike from the bytes of a packet and from what connection tracking
 * tells. `first` and `second` are the ports, or type and identifier of an ICMP query; undefined where there is neither.
 */
export const tupleKey = (
  protocol: number,
  source: string,
  destination: string,
  first: number | undefined,
  second: number | undefined,
): string => `${protocol} ${source} ${destination} ${first ?? ''} ${second ?? ''}`

/** An address as the key has it: 4 or 16 bytes from `at` on, as numbers of 32 bits. */
export const addressKey = (bytes: Uint8Array, at: number, size: number): string => {
  let key = ''
  for (let end = at + size; at < end; at += 4) key += `.${u32(bytes, at)}`
  return key
}

/** Of network order; 0 past the end, so whoever asks has looked at the length. */
export const u32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0

export const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

/** The key of a tuple of connection tracking; undefined when its addresses are none. */
export const keyOfTuple = ({
  source,
  destination,
  protocol,
  sourcePort,
  destinationPort,
  icmp,
}: FlowTuple): string | undefined => {
  const [from, to] = [parseIp(source), parseIp(destination)]
  if (from === undefined || to === undefined) return undefined
  const [first, second] = icmp === undefined ? [sourcePort, destinationPort] : [icmp.type, icmp.id]
  return tupleKey(protocol, addressKey(from, 0, from.length), addressKey(to, 0, to.length), first, second)
}

import type { FlowTuple } from '../../linux/conntrack/tuple.ts'
import { parseIp } from '../../linux/net/ip.ts'
import { u32 } from './bytes.ts'
import { Fingerprint } from './fingerprint.ts'

/** Stands for a tuple: equal tuples have equal keys (see fingerprint.ts). */
export type TupleKey = number

const fingerprint = new Fingerprint()

/** Where an end has neither port nor anything like it; no port is so large. */
const none = 0xffff_ffff

/**
 * The key of the tuple that stands in the bytes of a packet: both addresses, of 4 or 16 bytes, from `at` on. `first` and
 * `second` are the ports, or type and identifier of an ICMP query; undefined where there is neither.
 */
export const tupleKey = (
  protocol: number,
  bytes: Uint8Array,
  at: number,
  size: number,
  first: number | undefined,
  second: number | undefined,
): TupleKey => {
  fingerprint.begin().word((size << 8) | protocol)
  for (let word = at; word < at + 2 * size; word += 4) fingerprint.word(u32(bytes, word))
  return fingerprint
    .word(first ?? none)
    .word(second ?? none)
    .value()
}

/** The key of a tuple of connection tracking; undefined when its addresses are none. */
export const keyOfTuple = ({
  source,
  destination,
  protocol,
  sourcePort,
  destinationPort,
  icmp,
}: FlowTuple): TupleKey | undefined => {
  const [from, to] = [parseIp(source), parseIp(destination)]
  if (from === undefined || to === undefined || from.length !== to.length) return undefined
  const both = Uint8Array.from([...from, ...to])
  const [first, second] = icmp === undefined ? [sourcePort, destinationPort] : [icmp.type, icmp.id]
  return tupleKey(protocol, both, 0, from.length, first, second)
}

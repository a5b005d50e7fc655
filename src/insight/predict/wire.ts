import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { HeaderChange } from '../walk/header-change.ts'
import type { PacketHeader } from '../walk/packet-header.ts'

/** First and last of a range of ports. */
export type PortSpan = { first: number; last: number }

/** A packet on the wire, as far as it is known beforehand: what is left out is not decided yet, or not known. */
export type Wire = {
  family: 4 | 6
  source: string
  destination: string
  protocol: number
  sourcePort?: number
  destinationPort?: number
  /** Where a port is not known: of which it is one. */
  sourcePorts?: PortSpan
  destinationPorts?: PortSpan
  icmpType?: number
  icmpCode?: number
  icmpId?: number
  tcpFlags?: number
  length?: number
  ttl?: number
  dscp?: number
}

/** What stands for a port or an identifier that nobody knows before the packet is sent. */
export const chosenLater = 'chosen at the time'

/** A wire with other values; undefined takes a field out. */
export const changed = (wire: Wire, changes: { [K in keyof Wire]?: Wire[K] | undefined }): Wire => {
  const next: Record<string, unknown> = { ...wire, ...changes }
  for (const key of Object.keys(next)) if (next[key] === undefined) delete next[key]
  return next as Wire
}

/** As the story's points hold a header. The TTL of somebody else's packet is not known: 0. */
export const headerOf = (wire: Wire): PacketHeader => {
  const {
    ttl = 0,
    dscp = 0,
    length = 0,
    sourcePorts: _source,
    destinationPorts: _destination,
    ...rest
  } = wire
  return { ...rest, ttl, dscp, length }
}

/** The tuple that connection tracking would have. */
export const tupleOf = (wire: Wire): FlowTuple => {
  const { source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode, icmpId } = wire
  return {
    source,
    destination,
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(icmpType === undefined || icmpId === undefined
      ? {}
      : { icmp: { type: icmpType, code: icmpCode ?? 0, id: icmpId } }),
  }
}

const fields = [
  'source',
  'sourcePort',
  'destination',
  'destinationPort',
  'icmpId',
  'ttl',
  'dscp',
] as const satisfies readonly HeaderChange['field'][]

/** What became different between two states of a packet; a value that is decided later is a change too. */
export const wireChanges = (before: Wire, after: Wire): HeaderChange[] =>
  fields.flatMap((field): HeaderChange[] => {
    const [old, now] = [before[field], after[field]]
    if (old === now || (old === undefined && !isChosen(field))) return []
    return [{ field, before: old ?? chosenLater, after: now ?? chosenLater }]
  })

/** Fields whose value may be chosen when the packet is sent. */
const isChosen = (field: (typeof fields)[number]): boolean =>
  field === 'sourcePort' || field === 'destinationPort' || field === 'icmpId'

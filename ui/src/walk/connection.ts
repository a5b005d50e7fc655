import { tupleOfHeaders } from './headers.ts'
import type { HeaderChange, Headers, Tuple } from './parts.ts'

/**
 * Theory of operation. Connection tracking makes an entry of a packet that belongs to none: its tuple, and the tuple in
 * which the answer is to come, which is the mirror. Each translation of the packet changes the tuple of the answer, and
 * that is all there is to NAT: nothing else remembers it. The entry comes into the table when the packet leaves the host;
 * with a packet that is dropped before it goes away again.
 */

/** What connection tracking of the host knows at a moment. */
export type Entry = {
  /** `made`: of this packet, not in the table yet; `known`: in the table; `answered`; `gone` with the dropped packet. */
  state: 'made' | 'known' | 'answered' | 'gone'
  original: Tuple
  reply: Tuple
  /** Fields of the reply's tuple that are not those of the mirror: the translation. */
  translated: ('source' | 'sourcePort' | 'destination' | 'destinationPort' | 'id')[]
}

/** The answer's tuple, as long as nothing is translated. Pure. */
export const mirrorOf = (tuple: Tuple): Tuple => {
  const { source, destination, protocol, sourcePort, destinationPort, icmp } = tuple
  return {
    source: destination,
    destination: source,
    protocol,
    ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
    ...(icmp === undefined ? {} : { icmp: { ...icmp, type: answerTypes[icmp.type] ?? icmp.type } }),
  }
}

/** Echo, and ICMPv6's echo. */
const answerTypes: Readonly<Record<number, number>> = { 8: 0, 128: 129 }

/** The entry of a packet that begins something. Pure. */
export const madeEntry = (headers: Headers): Entry => {
  const original = tupleOfHeaders(headers)
  return entryOf('made', original, mirrorOf(original))
}

/** An entry with the fields of its answer that are not the mirror's. Pure. */
export const entryOf = (state: Entry['state'], original: Tuple, reply: Tuple): Entry => {
  const mirror = mirrorOf(original)
  return {
    state,
    original,
    reply,
    translated: [
      ...(['source', 'sourcePort', 'destination', 'destinationPort'] as const).filter(
        field => reply[field] !== mirror[field],
      ),
      ...(reply.icmp?.id === mirror.icmp?.id ? [] : ['id' as const]),
    ],
  }
}

/** What a translation of the first packet makes of the answer's tuple: its source becomes the answer's destination. Pure. */
export const translatedEntry = (entry: Entry, changes: readonly HeaderChange[]): Entry => {
  let { reply } = entry
  for (const { field, after } of changes)
    if (field === 'source') reply = { ...reply, destination: `${after}` }
    else if (field === 'destination') reply = { ...reply, source: `${after}` }
    else if (field === 'sourcePort') reply = { ...reply, destinationPort: Number(after) }
    else if (field === 'destinationPort') reply = { ...reply, sourcePort: Number(after) }
    else if (field === 'icmpId' && reply.icmp)
      reply = { ...reply, icmp: { ...reply.icmp, id: Number(after) } }
  return entryOf(entry.state, entry.original, reply)
}

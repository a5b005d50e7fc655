import type { Arp } from './arp.ts'
import type { Dns } from './dns.ts'
import type { Ethernet, Vlan } from './ethernet.ts'
import type { Icmp } from './icmp.ts'
import type { Icmpv6 } from './icmpv6.ts'
import type { Ipv4 } from './ipv4.ts'
import type { Ipv6 } from './ipv6.ts'
import type { Sctp } from './sctp.ts'
import { missing, present, type Slice } from './slice.ts'
import type { Tcp } from './tcp.ts'
import type { Udp } from './udp.ts'

/** Where a layer's own bytes begin in the packet, and how many of them there are. */
export type Place = { offset: number; size: number }

/** A header of which too little was captured to be read: `size` bytes are there, `needed` would be. */
export type Cut = Place & { type: 'cut'; of: string; needed: number }

/** Bytes that cannot be what they are said to be. */
export type Malformed = Place & { type: 'malformed'; of: string; reason: string }

/** A protocol that is only named: GRE, ESP, LLDP; `number` is its EtherType or IP protocol number. */
export type Other = Place & {
  type: 'other'
  over: 'ethernet' | 'ip'
  number: number
  name?: string
  /** Bytes of it that were not captured. */
  missing: number
}

/** What an application sends, not looked into, or a later fragment. `missing` bytes of it were not captured. */
export type Data = Place & { type: 'data'; missing: number; fragment?: true }

/** One layer of a packet, told apart by `type`. */
export type Layer =
  | Ethernet
  | Vlan
  | Arp
  | Ipv4
  | Ipv6
  | Icmp
  | Icmpv6
  | Tcp
  | Udp
  | Sctp
  | Dns
  | Other
  | Data
  | Cut
  | Malformed

/** Place of the first `size` bytes of a slice. */
export const place = (slice: Slice, size: number): Place => ({
  offset: slice.at,
  size: Math.min(size, present(slice)),
})

/** Says that a header of `needed` bytes is not all there: because of the capture, or because the packet ends before. */
export const cutShort = (slice: Slice, of: string, needed: number): Cut | Malformed =>
  slice.whole - slice.at < needed
    ? { type: 'malformed', ...place(slice, needed), of, reason: `${needed} bytes do not fit in` }
    : { type: 'cut', ...place(slice, needed), of, needed }

/** Says that a packet's own length field promises more than was on the wire. */
export const tooShort = (slice: Slice, of: string, lacking: number): Malformed => ({
  type: 'malformed',
  offset: slice.end,
  size: 0,
  of,
  reason: `${lacking} bytes fewer than its length says`,
})

/** The rest of a packet; nothing where there is none. */
export const pushData = (layers: Layer[], slice: Slice): void => {
  if (slice.whole > slice.at)
    layers.push({ type: 'data', ...place(slice, slice.whole), missing: missing(slice) })
}

import { formatMac } from '../../net/mac.ts'
import { decodeArp } from './arp.ts'
import { decodeIpv4 } from './ipv4.ts'
import { decodeIpv6 } from './ipv6.ts'
import { cutShort, type Layer, type Place, place } from './layer.ts'
import { after, bytesAt, holds, missing, type Slice, u16 } from './slice.ts'

/** Ethernet II (IEEE 802.3 clause 3.2.6): for lengths below 1536 `etherType` is the 802.3 length. */
export type Ethernet = Place & {
  type: 'ethernet'
  destination: string
  source: string
  etherType: number
}

/** An 802.1Q or 802.1ad tag (IEEE 802.1Q clause 9.6); `etherType` is that of what follows. */
export type Vlan = Place & {
  type: 'vlan'
  priority: number
  dropEligible: boolean
  id: number
  etherType: number
}

/** EtherTypes that are looked into (IEEE registration authority; linux/if_ether.h). */
export const etherTypes = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
} as const

/** EtherTypes that are only named. */
const names: Record<number, string> = {
  32821: 'RARP',
  34887: 'MPLS',
  34915: 'PPPoE discovery',
  34916: 'PPPoE session',
  34958: 'EAPOL',
  35020: 'LLDP',
  35045: 'MACsec',
}
/** Tags read of one frame: two are usual, and a frame may consist of nothing else. */
const mostTags = 8
const largestLength = 0x05ff

/** Reads a frame from its destination address on. */
export const decodeEthernet = (slice: Slice, layers: Layer[]): void => {
  if (!holds(slice, 14)) {
    layers.push(cutShort(slice, 'ethernet', 14))
    return
  }
  const etherType = u16(slice, 12)
  layers.push({
    type: 'ethernet',
    ...place(slice, 14),
    destination: formatMac(bytesAt(slice, 0, 6)),
    source: formatMac(bytesAt(slice, 6, 6)),
    etherType,
  })
  decodeEtherType(etherType, after(slice, 14), layers)
}

const decodeEtherType = (etherType: number, slice: Slice, layers: Layer[]): void => {
  if (etherType === etherTypes.ipv4) decodeIpv4(slice, layers)
  else if (etherType === etherTypes.ipv6) decodeIpv6(slice, layers)
  else if (etherType === etherTypes.arp) decodeArp(slice, layers)
  else if (etherType === etherTypes.vlan || etherType === etherTypes.serviceVlan) decodeVlan(slice, layers)
  else layers.push(other(etherType, slice))
}

const other = (number: number, slice: Slice): Layer => {
  const name = number <= largestLength ? 'LLC' : names[number]
  return {
    type: 'other',
    ...place(slice, slice.whole),
    over: 'ethernet',
    number,
    ...(name === undefined ? {} : { name }),
    missing: missing(slice),
  }
}

const decodeVlan = (slice: Slice, layers: Layer[]): void => {
  if (!holds(slice, 4)) {
    layers.push(cutShort(slice, 'vlan', 4))
    return
  }
  if (layers.length > mostTags) {
    layers.push({ type: 'malformed', ...place(slice, 4), of: 'vlan', reason: `more than ${mostTags} tags` })
    return
  }
  const control = u16(slice, 0)
  const etherType = u16(slice, 2)
  layers.push({
    type: 'vlan',
    ...place(slice, 4),
    priority: control >> 13,
    dropEligible: (control & 0x1000) !== 0,
    id: control & 0x0fff,
    etherType,
  })
  decodeEtherType(etherType, after(slice, 4), layers)
}

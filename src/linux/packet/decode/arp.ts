import { formatIp } from '../../net/ip.ts'
import { formatMac } from '../../net/mac.ts'
import { etherTypes } from './ethernet.ts'
import { cutShort, type Layer, type Place, place } from './layer.ts'
import { bytesAt, holds, type Slice, u8, u16 } from './slice.ts'

/** ARP for IPv4 over Ethernet (RFC 826). `operation`: 1 asks, 2 answers. */
export type Arp = Place & {
  type: 'arp'
  operation: number
  senderMac: string
  sender: string
  targetMac: string
  target: string
}

const ethernetHardware = 1

/** Reads an ARP packet; one for other addresses than Ethernet and IPv4 is said to be malformed. */
export const decodeArp = (slice: Slice, layers: Layer[]): void => {
  if (!holds(slice, 28)) {
    layers.push(cutShort(slice, 'arp', 28))
    return
  }
  const usual =
    u16(slice, 0) === ethernetHardware &&
    u16(slice, 2) === etherTypes.ipv4 &&
    u8(slice, 4) === 6 &&
    u8(slice, 5) === 4
  layers.push(
    usual
      ? {
          type: 'arp',
          ...place(slice, 28),
          operation: u16(slice, 6),
          senderMac: formatMac(bytesAt(slice, 8, 6)),
          sender: formatIp(bytesAt(slice, 14, 4)),
          targetMac: formatMac(bytesAt(slice, 18, 6)),
          target: formatIp(bytesAt(slice, 24, 4)),
        }
      : { type: 'malformed', ...place(slice, 28), of: 'arp', reason: 'not of Ethernet and IPv4 addresses' },
  )
}

import { decodeEthernet } from './ethernet.ts'
import { decodeIpv4 } from './ipv4.ts'
import { decodeIpv6 } from './ipv6.ts'
import type { Layer } from './layer.ts'
import { sliceOf } from './slice.ts'

/** What a packet begins with: an Ethernet frame, or an IP header (tun, and the raw link type). */
export type LinkType = 'ethernet' | 'ip'

/** A packet as its layers, the outermost first. */
export type Packet = {
  layers: Layer[]
  /** Bytes on the wire. */
  length: number
  /** Bytes of those that were captured. */
  captured: number
}

/**
 * Reads a packet. Never throws: what cannot be read is a layer `cut` (not captured) or `malformed`. `length` is that on
 * the wire, where the capture was cut at its snapshot length.
 */
export const decodePacket = (
  bytes: Uint8Array,
  { length = bytes.length, link = 'ethernet' }: { length?: number; link?: LinkType } = {},
): Packet => {
  const layers: Layer[] = []
  const slice = sliceOf(bytes, length)
  if (link === 'ethernet') decodeEthernet(slice, layers)
  else if ((bytes[0] ?? 0) >> 4 === 6) decodeIpv6(slice, layers)
  else decodeIpv4(slice, layers)
  return { layers, length: slice.whole, captured: bytes.length }
}

/** The first layer of a kind: `layerOf(packet, 'tcp')?.destinationPort`. */
export const layerOf = <T extends Layer['type']>(
  { layers }: { layers: readonly Layer[] },
  type: T,
): Extract<Layer, { type: T }> | undefined =>
  layers.find((layer): layer is Extract<Layer, { type: T }> => layer.type === type)

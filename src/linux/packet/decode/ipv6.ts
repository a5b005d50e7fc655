import { formatIp } from '../../net/ip.ts'
import { cutShort, type Layer, type Place, place, tooShort } from './layer.ts'
import { after, bytesAt, holds, limit, missing, type Slice, u8, u16, u32 } from './slice.ts'
import { decodeTransport } from './transport.ts'

/** An extension header that was passed on the way to the payload; `size` in bytes. */
export type Ipv6Extension = { number: number; name: string; size: number }

/** An IPv6 header with its extension headers (RFC 8200). */
export type Ipv6 = Place & {
  type: 'ipv6'
  trafficClass: number
  flowLabel: number
  payloadLength: number
  hopLimit: number
  source: string
  destination: string
  /** Number of the first header that is no extension, or of the extension that is not all there. */
  protocol: number
  /** Whether the extensions are all there, and `protocol` is what the packet carries. */
  complete: boolean
  extensions: Ipv6Extension[]
  /** Of a fragment header: `offset` in bytes. */
  fragment?: { id: number; offset: number; more: boolean }
}

const extensionNames: Record<number, string> = {
  0: 'hop-by-hop options',
  43: 'routing',
  44: 'fragment',
  51: 'authentication',
  60: 'destination options',
  135: 'mobility',
}
const FRAGMENT = 44
const AUTHENTICATION = 51

/** Reads an IPv6 packet and what it carries. `quoted`: it stands in an ICMPv6 error, whose sender cut it short. */
export const decodeIpv6 = (slice: Slice, layers: Layer[], quoted = false): void => {
  if (!holds(slice, 40)) {
    layers.push(cutShort(slice, 'ipv6', 40))
    return
  }
  const version = u8(slice, 0) >> 4
  if (version !== 6) {
    layers.push({
      type: 'malformed',
      ...place(slice, 40),
      of: 'ipv6',
      reason: `the version is ${version}`,
    })
    return
  }
  const payloadLength = u16(slice, 4)
  // Zero is a jumbogram (RFC 2675), or a packet that the sending kernel has not segmented yet.
  const own = payloadLength === 0 ? slice : limit(slice, 40 + payloadLength)
  const chain = passExtensions(after(own, 40), u8(slice, 6))
  const headers = chain.rest.at - slice.at
  layers.push({
    type: 'ipv6',
    ...place(slice, headers),
    trafficClass: (u16(slice, 0) >> 4) & 0xff,
    flowLabel: u32(slice, 0) & 0xfffff,
    payloadLength,
    hopLimit: u8(slice, 7),
    source: formatIp(bytesAt(slice, 8, 16)),
    destination: formatIp(bytesAt(slice, 24, 16)),
    protocol: chain.protocol,
    complete: !chain.short,
    extensions: chain.extensions,
    ...(chain.fragment === undefined ? {} : { fragment: chain.fragment }),
  })
  if (chain.short) {
    layers.push(cutShort(chain.rest, extensionNames[chain.protocol] ?? 'extension header', 8))
    return
  }
  if ((chain.fragment?.offset ?? 0) > 0) {
    const { rest } = chain
    layers.push({ type: 'data', ...place(rest, rest.whole), missing: missing(rest), fragment: true })
    return
  }
  const [source, destination] = [bytesAt(slice, 8, 16), bytesAt(slice, 24, 16)]
  // A routing header with segments left has not the last destination in its header: see RFC 8200 section 8.1.
  const lacking = quoted ? 0 : 40 + payloadLength - (slice.whole - slice.at)
  const whole = chain.fragment?.more !== true && !chain.routed && lacking <= 0
  decodeTransport(chain.protocol, chain.rest, layers, {
    pseudo: whole ? { source, destination, protocol: chain.protocol } : undefined,
    quoted,
    family: 6,
  })
  if (lacking > 0) layers.push(tooShort(slice, 'ipv6', lacking))
}

type Chain = {
  protocol: number
  rest: Slice
  extensions: Ipv6Extension[]
  fragment?: { id: number; offset: number; more: boolean }
  routed: boolean
  /** The next extension header is not all there. */
  short: boolean
}

/** Each header names the next one, and but for two tells its length in units of 8 bytes past the first 8. */
const passExtensions = (start: Slice, first: number): Chain => {
  const chain: Chain = { protocol: first, rest: start, extensions: [], routed: false, short: false }
  for (;;) {
    const name = extensionNames[chain.protocol]
    if (name === undefined) return chain
    if (!holds(chain.rest, 8)) return { ...chain, short: true }
    const number = chain.protocol
    const units = u8(chain.rest, 1)
    const size = number === FRAGMENT ? 8 : number === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8
    if (number === 43 && u8(chain.rest, 3) > 0) chain.routed = true
    if (number === FRAGMENT) {
      const field = u16(chain.rest, 2)
      chain.fragment = { id: u32(chain.rest, 4), offset: field & 0xfff8, more: (field & 1) !== 0 }
    }
    chain.extensions.push({ number, name, size })
    chain.protocol = u8(chain.rest, 0)
    chain.rest = after(chain.rest, size)
    // What follows in a later fragment is not a header.
    if ((chain.fragment?.offset ?? 0) > 0) return chain
  }
}

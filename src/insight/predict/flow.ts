import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { PlaceFacts } from './facts.ts'
import { changed, type Wire } from './wire.ts'

/** A flow that is to be predicted, by its first packet. Addresses in canonical form. */
export type PredictedFlow = {
  family: 4 | 6
  protocol: 'icmp' | 'tcp' | 'udp'
  /** Left out: the one that the routes of the sender give. */
  source?: string
  destination: string
  /** Source port, or identifier of the echo; left out: chosen at the time. */
  sourcePort?: number
  port?: number
  /** Bytes of a datagram's content. */
  payloadLength?: number
}

const echo = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const
const tcpFlags = { syn: 0x02, synAck: 0x12, ecn: 0xc0 } as const
const ipHeader = { 4: 20, 6: 40 } as const
/** What `natspace trace` puts into an echo, behind eight bytes of header. */
const echoPayload = 56
const shortHeader = 8

/** The first packet as it leaves its socket. The settings of the sender decide about its TTL. */
export const firstPacket = (flow: PredictedFlow, source: string, sender: PlaceFacts | undefined): Wire => {
  const { family, protocol, destination, sourcePort, port, payloadLength = 0 } = flow
  const ttl = sender === undefined ? undefined : defaultTtl(sender, family)
  const common = { family, source, destination, dscp: 0, ...(ttl === undefined ? {} : { ttl }) }
  const header = ipHeader[family] + shortHeader
  if (protocol === 'icmp')
    return {
      ...common,
      protocol: family === 4 ? PROTOCOL_NUMBER.icmp : PROTOCOL_NUMBER.icmpv6,
      icmpType: echo[family].request,
      icmpCode: 0,
      ...(sourcePort === undefined ? {} : { icmpId: sourcePort }),
      length: header + echoPayload,
    }
  const ports = {
    ...(sourcePort === undefined ? sourcePorts(sender) : { sourcePort }),
    ...(port === undefined ? {} : { destinationPort: port }),
  }
  if (protocol === 'udp')
    return { ...common, protocol: PROTOCOL_NUMBER.udp, ...ports, length: header + payloadLength }
  // The length depends on the options of TCP, of which there may be several.
  const asksForEcn = sender?.setting('net.ipv4.tcp_ecn') === '1'
  return {
    ...common,
    protocol: PROTOCOL_NUMBER.tcp,
    ...ports,
    tcpFlags: asksForEcn ? tcpFlags.syn | tcpFlags.ecn : tcpFlags.syn,
  }
}

/** Those that programs get which do not ask for one. */
const sourcePorts = (sender: PlaceFacts | undefined): Pick<Wire, 'sourcePorts'> => {
  const [, first, last] = /^(\d+)\s+(\d+)$/.exec(sender?.setting('net.ipv4.ip_local_port_range') ?? '') ?? []
  return first === undefined ? {} : { sourcePorts: { first: Number(first), last: Number(last) } }
}

const defaultTtl = ({ setting }: PlaceFacts, family: 4 | 6): number | undefined => {
  const text = setting(family === 4 ? 'net.ipv4.ip_default_ttl' : 'net.ipv6.conf.all.hop_limit')
  const ttl = Number(text)
  return text === undefined || !Number.isInteger(ttl) ? undefined : ttl
}

/** The answer to a packet, from whoever it came to: an echo reply, the second packet of a connection, a datagram. */
export const answerTo = (wire: Wire, sender?: PlaceFacts): Wire => {
  const { family, source, destination, sourcePort, destinationPort, icmpType } = wire
  return changed(wire, {
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
    sourcePorts: wire.destinationPorts,
    destinationPorts: wire.sourcePorts,
    ...(icmpType === undefined ? {} : { icmpType: echo[family].reply }),
    ...(wire.tcpFlags === undefined ? {} : { tcpFlags: tcpFlags.synAck }),
    // What another host sends has a TTL and a length of its own.
    ttl: sender === undefined ? undefined : defaultTtl(sender, family),
    dscp: undefined,
    length: undefined,
  })
}

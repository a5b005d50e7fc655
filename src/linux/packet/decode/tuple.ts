import type { FlowTuple } from '../../conntrack/tuple.ts'
import type { Layer } from './layer.ts'
import { layerOf } from './packet.ts'

/**
 * What identifies the flow that a packet belongs to, in the form of connection tracking: addresses, protocol, and ports
 * or the identifier of an ICMP query. Undefined for what is not IP, or was cut before its protocol is told. Later fragments, and protocols without ports, have
 * addresses and protocol alone.
 */
export const tupleOf = (packet: { layers: readonly Layer[] }): FlowTuple | undefined => {
  const ip = layerOf(packet, 'ipv4') ?? layerOf(packet, 'ipv6')
  if (ip === undefined) return undefined
  const { source, destination, protocol } = ip
  if (ip.type === 'ipv6' && !ip.complete) return undefined
  const transport = layerOf(packet, 'tcp') ?? layerOf(packet, 'udp') ?? layerOf(packet, 'sctp')
  const icmp = layerOf(packet, 'icmp') ?? layerOf(packet, 'icmpv6')
  return {
    source,
    destination,
    protocol,
    ...(transport === undefined
      ? {}
      : { sourcePort: transport.sourcePort, destinationPort: transport.destinationPort }),
    ...(icmp?.query === undefined
      ? {}
      : { icmp: { type: icmp.icmpType, code: icmp.icmpCode, id: icmp.query.id } }),
  }
}

/** The flow that an ICMP error is about: the tuple of the packet that it quotes. Undefined for anything else. */
export const quotedTupleOf = (packet: { layers: readonly Layer[] }): FlowTuple | undefined => {
  const quoted = (layerOf(packet, 'icmp') ?? layerOf(packet, 'icmpv6'))?.quoted
  return quoted === undefined ? undefined : tupleOf({ layers: quoted })
}

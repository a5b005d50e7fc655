import { dnsText } from './dns-summary.ts'
import { icmpText } from './icmp-summary.ts'
import { icmpv6Text } from './icmpv6-summary.ts'
import type { Layer } from './layer.ts'
import { layerOf, type Packet } from './packet.ts'
import { tcpText } from './tcp-summary.ts'

/**
 * A packet in one line, in the words of tcpdump(8) with `-n -S`: `IP 192.168.45.3 > 192.168.1.15: ICMP echo request, id
 * 29610, seq 1, length 64`. Beyond those it says which checksums are wrong and what was not captured. The line is
 * printable ASCII whatever the packet holds: the only text of packets in it, names of DNS, is escaped when it is read.
 */
export const summaryText = (packet: Packet): string => {
  const { layers } = packet
  const tags = layers.flatMap(layer => (layer.type === 'vlan' ? [`vlan ${layer.id}, `] : []))
  const cut =
    packet.captured < packet.length ? ` [${packet.length - packet.captured} bytes not captured]` : ''
  return `${tags.join('')}${body(packet)}${problems(layers)}${cut}`
}

const body = (packet: Packet): string => {
  const arp = layerOf(packet, 'arp')
  if (arp !== undefined) {
    const { operation, sender, senderMac, target, size } = arp
    if (operation === 1) return `ARP, Request who-has ${target} tell ${sender}, length ${size}`
    if (operation === 2) return `ARP, Reply ${sender} is-at ${senderMac}, length ${size}`
    return `ARP, operation ${operation}, length ${size}`
  }
  if (layerOf(packet, 'ipv4') ?? layerOf(packet, 'ipv6')) return ipText(packet.layers)
  const other = layerOf(packet, 'other')
  const ethernet = layerOf(packet, 'ethernet')
  if (other !== undefined && ethernet !== undefined) {
    const name = other.name ?? `ethertype 0x${other.number.toString(16).padStart(4, '0')}`
    return `${ethernet.source} > ${ethernet.destination}, ${name}, length ${other.size + other.missing}`
  }
  return ethernet === undefined ? 'no whole header' : `${ethernet.source} > ${ethernet.destination}`
}

/** The line of an IP packet, also of one that an ICMP error quotes. */
export const ipText = (layers: readonly Layer[]): string => {
  const packet = { layers }
  const ip = layerOf(packet, 'ipv4') ?? layerOf(packet, 'ipv6')
  if (ip === undefined) return 'no whole header'
  const name = ip.type === 'ipv4' ? 'IP' : 'IP6'
  const ports = layerOf(packet, 'tcp') ?? layerOf(packet, 'udp') ?? layerOf(packet, 'sctp')
  const [source, destination] =
    ports === undefined ? ['', ''] : [`.${ports.sourcePort}`, `.${ports.destinationPort}`]
  const start = `${name}${fragmentText(ip)} ${ip.source}${source} > ${ip.destination}${destination}:`
  return `${start} ${payloadText(layers, ip)}`
}

type Ip = Extract<Layer, { type: 'ipv4' | 'ipv6' }>

const fragmentText = (ip: Ip): string => {
  const offset = ip.type === 'ipv4' ? ip.fragmentOffset : (ip.fragment?.offset ?? 0)
  const more = ip.type === 'ipv4' ? ip.moreFragments : ip.fragment?.more
  return offset > 0 || more
    ? ` (frag id ${ip.type === 'ipv4' ? ip.id : ip.fragment?.id} at ${offset}${more ? '+' : ''})`
    : ''
}

const payloadText = (layers: readonly Layer[], ip: Ip): string => {
  for (const layer of layers) {
    switch (layer.type) {
      case 'icmp':
        return icmpText(layer)
      case 'icmpv6':
        return icmpv6Text(layer)
      case 'tcp':
        return tcpText(layer)
      case 'udp': {
        const dns = layerOf({ layers }, 'dns')
        if (dns !== undefined) return dnsText(dns)
        return layer.dataLength === undefined ? 'UDP' : `UDP, length ${layer.dataLength}`
      }
      case 'sctp':
        return `sctp${layer.chunks.map(({ name, number }) => ` [${name ?? `chunk ${number}`}]`).join('')}`
      case 'other': {
        const length = layer.size + layer.missing
        return layer.name === undefined
          ? `ip-proto-${layer.number}, length ${length}`
          : `${layer.name}, length ${length}`
      }
      case 'data':
        if (layer.fragment) return `ip-proto-${ip.protocol}, length ${layer.size + layer.missing}`
    }
  }
  return `ip-proto-${ip.protocol}`
}

/** Wrong checksums, and what could not be read. A checksum left to the network card is in order. */
const problems = (layers: readonly Layer[]): string =>
  layers
    .map(layer => {
      if (layer.type === 'malformed') return ` [bad ${layer.of}: ${layer.reason}]`
      if (layer.type === 'cut') return ` [|${layer.of}]`
      return 'checksum' in layer && layer.checksum === 'wrong' ? ` [bad ${layer.type} checksum]` : ''
    })
    .join('')

/**
 * Packets: captured at an interface of any namespace, read into typed layers, filtered in the language of tcpdump, and
 * kept in pcapng files.
 *
 * ```ts
 * using namespace = openNamespace('/run/netns/myspace')
 * const filter = compileFilter('icmp or udp port 53')
 * using capture = PacketCapture.open({ namespace: namespace.number, interface: 2, filter: filter.program })
 * for (const _ of waitForPackets([capture], 1000))
 *   for (const { bytes, length } of capture.readBatch()) console.log(summaryText(decodePacket(bytes, { length })))
 * ```
 * @module
 */

export type { FlowTuple } from '../conntrack/tuple.ts'
export { openNamespace } from '../sys/namespace.ts'
export { PacketCapture } from './capture/capture.ts'
export { CaptureError } from './capture/capture-error.ts'
export {
  type CapturedPacket,
  type CaptureOptions,
  type CaptureStatistics,
  defaultSnapLength,
  type PacketSource,
} from './capture/captured-packet.ts'
export type { Audience } from './capture/link-address.ts'
export { RingCapture, ringSnapLength } from './capture/ring-capture.ts'
export { waitForPackets } from './capture/wait.ts'
export type { Arp } from './decode/arp.ts'
export type { ChecksumState } from './decode/checksum.ts'
export { type Dns, type DnsAnswer, type DnsQuestion, dnsTypeName } from './decode/dns.ts'
export { type Ethernet, etherTypes, type Vlan } from './decode/ethernet.ts'
export { type Icmp, icmpTypes } from './decode/icmp.ts'
export { type Icmpv6, icmpv6Types } from './decode/icmpv6.ts'
export type { Ipv4, Ipv4Option } from './decode/ipv4.ts'
export type { Ipv6, Ipv6Extension } from './decode/ipv6.ts'
export type { Cut, Data, Layer, Malformed, Other, Place } from './decode/layer.ts'
export { decodePacket, type LinkType, layerOf, type Packet } from './decode/packet.ts'
export type { Sctp, SctpChunk } from './decode/sctp.ts'
export { summaryText } from './decode/summary.ts'
export { type Tcp, type TcpOption, tcpFlags } from './decode/tcp.ts'
export { tcpFlagsText } from './decode/tcp-summary.ts'
export { quotedTupleOf, tupleOf } from './decode/tuple.ts'
export type { Udp } from './decode/udp.ts'
export { FilterError } from './filter/error.ts'
export type { Expression } from './filter/expression.ts'
export { compileFilter, type Filter } from './filter/filter.ts'
export { type Instruction, programBytes } from './filter/instruction.ts'
export { parseFilter } from './filter/parse.ts'
export type { PcapngInterface, PcapngPacket } from './pcapng/block.ts'
export { PcapngError, type PcapngRecord, pcapngRecords } from './pcapng/reader.ts'
export { PcapngWriter } from './pcapng/writer.ts'

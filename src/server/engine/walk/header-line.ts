import { icmpErrorWords } from '../../../insight/trace/icmp-words.ts'
import type { PacketHeader } from '../../../insight/walk/packet-header.ts'
import { PROTOCOL_NUMBER } from '../../../linux/net/protocol.ts'

/**
 * A packet of which only the headers are known, in a line as tcpdump(8) prints it:
 * `IP 192.168.45.3 > 192.168.1.15: ICMP echo request, id 29610, seq 1`. Pure.
 */
export const headerLine = (header: PacketHeader): string => {
  const { family, source, sourcePort, destination, destinationPort } = header
  const end = (address: string, port: number | undefined) =>
    port === undefined ? address : `${address}.${port}`
  const ends = `${end(source, sourcePort)} > ${end(destination, destinationPort)}`
  return `${family === 4 ? 'IP' : 'IP6'} ${ends}: ${contentWords(header)}`
}

const contentWords = (header: PacketHeader): string => {
  const { protocol, icmpType, tcpFlags } = header
  if (tcpFlags !== undefined) return `Flags [${flagLetters(tcpFlags)}]`
  if (icmpType !== undefined) return icmpWords(header, icmpType)
  if (protocol === PROTOCOL_NUMBER.udp) return 'UDP'
  if (protocol === PROTOCOL_NUMBER.tcp) return 'TCP'
  return protocol === undefined ? 'fragment' : `protocol ${protocol}`
}

/** The letters of tcpdump, in its order. */
const flagLetters = (flags: number): string => {
  const letters = [
    [1, 'F'],
    [2, 'S'],
    [4, 'R'],
    [8, 'P'],
    [16, '.'],
    [32, 'U'],
  ] as const
  return letters.flatMap(([bit, letter]) => ((flags & bit) === 0 ? [] : letter)).join('') || 'none'
}

/** Echo request and reply: RFC 792, RFC 4443. */
const echoes = { 4: { 8: 'request', 0: 'reply' }, 6: { 128: 'request', 129: 'reply' } } as const

const icmpWords = ({ family, icmpCode = 0, icmpId, icmpSequence }: PacketHeader, type: number): string => {
  const name = family === 4 ? 'ICMP' : 'ICMP6'
  const echo = (echoes[family] as Partial<Record<number, string>>)[type]
  if (echo === undefined) return `${name} ${icmpErrorWords(family, type, icmpCode)}`
  const id = icmpId === undefined ? '' : `, id ${icmpId}`
  const sequence = icmpSequence === undefined ? '' : `, seq ${icmpSequence}`
  return `${name} echo ${echo}${id}${sequence}`
}

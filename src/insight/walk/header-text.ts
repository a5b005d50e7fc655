import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { PacketHeader } from './packet-header.ts'

type Field = 'source' | 'sourcePort' | 'destination' | 'destinationPort' | 'icmpId'
type Ends = { [K in Field]?: string | number | undefined }

const plain = (text: string): string => text

/** `192.168.45.3:40000 > 192.168.1.15:80`, or with `, id 29610`; `mark` paints the fields of a list. */
export const endsText = (
  ends: Ends,
  changed: readonly string[] = [],
  mark: (text: string) => string = plain,
): string => {
  const show = (field: Field): string => {
    const text = `${ends[field] ?? ''}`
    return changed.includes(field) ? mark(text) : text
  }
  const side = (address: Field, port: Field): string => {
    if (ends[port] === undefined) return show(address)
    const isIpv6 = `${ends[address]}`.includes(':')
    return isIpv6 ? `[${show(address)}]:${show(port)}` : `${show(address)}:${show(port)}`
  }
  const id = ends.icmpId === undefined ? '' : `, id ${show('icmpId')}`
  return `${side('source', 'sourcePort')} > ${side('destination', 'destinationPort')}${id}`
}

/** The ends of a packet and what it is, in few words: `192.168.45.3:40000 > 192.168.1.15:80 SYN`. */
export const packetText = (
  header: PacketHeader,
  changed?: readonly string[],
  mark?: (text: string) => string,
): string => {
  const kind = headerKind(header)
  return `${endsText(header, changed, mark)}${kind === '' ? '' : ` ${kind}`}`
}

/** The same of a tuple of connection tracking. */
export const tupleText = ({ icmp, ...tuple }: FlowTuple): string => endsText({ ...tuple, icmpId: icmp?.id })

/** What a header has beside its ends: the flags of TCP, or the type of ICMP where it is an error. */
export const headerKind = ({ tcpFlags }: PacketHeader): string =>
  tcpFlags === undefined
    ? ''
    : [
        [2, 'SYN'],
        [1, 'FIN'],
        [4, 'RST'],
        [16, 'ACK'],
      ]
        .flatMap(([bit, name]) => ((tcpFlags & Number(bit)) === 0 ? [] : [name]))
        .join(' ')

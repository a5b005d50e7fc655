import { type Icmp, icmpTypes } from './icmp.ts'
import type { Layer } from './layer.ts'
import { layerOf } from './packet.ts'

const protocolNames: Record<number, string> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6', 132: 'sctp' }

/** A message: `ICMP echo request, id 29610, seq 1, length 64`. */
export const icmpText = (icmp: Icmp): string => `ICMP ${what(icmp)}, length ${icmp.length}`

const what = (icmp: Icmp): string => {
  const { icmpType, icmpCode, query, gateway, quoted } = icmp
  const about = quoted === undefined ? undefined : layerOf({ layers: quoted }, 'ipv4')
  const ids = query === undefined ? '' : `, id ${query.id}, seq ${query.sequence}`
  switch (icmpType) {
    case icmpTypes.echoRequest:
      return `echo request${ids}`
    case icmpTypes.echoReply:
      return `echo reply${ids}`
    case icmpTypes.unreachable:
      return about === undefined ? `unreachable, code ${icmpCode}` : unreachable(icmp, quoted ?? [], about)
    case icmpTypes.redirect:
      return `redirect ${about?.destination ?? '?'} to ${icmpCode === 0 ? 'net' : 'host'} ${gateway ?? '?'}`
    case icmpTypes.timeExceeded:
      return icmpCode === 0 ? 'time exceeded in-transit' : 'ip reassembly time exceeded'
    case icmpTypes.parameterProblem:
      return `parameter problem, code ${icmpCode}`
    case icmpTypes.timestamp:
      return `time stamp query${query === undefined ? '' : ` id ${query.id} seq ${query.sequence}`}`
    case icmpTypes.timestampReply:
      return `time stamp reply${query === undefined ? '' : ` id ${query.id} seq ${query.sequence}`}`
  }
  return `type-#${icmpType}`
}

const unreachable = (
  { icmpCode, mtu }: Icmp,
  quoted: readonly Layer[],
  { destination, protocol }: { destination: string; protocol: number },
): string => {
  const ports = layerOf({ layers: quoted }, 'udp') ?? layerOf({ layers: quoted }, 'tcp')
  const port = ports === undefined ? '' : ` port ${ports.destinationPort}`
  switch (icmpCode) {
    case 0:
      return `net ${destination} unreachable`
    case 1:
      return `host ${destination} unreachable`
    case 2:
      return `${destination} protocol ${protocol} unreachable`
    case 3:
      return `${destination} ${protocolNames[protocol] ?? `protocol ${protocol}`}${port} unreachable`
    case 4:
      return mtu
        ? `${destination} unreachable - need to frag (mtu ${mtu})`
        : `${destination} unreachable - need to frag`
    case 9:
      return `net ${destination} unreachable - admin prohibited`
    case 10:
      return `host ${destination} unreachable - admin prohibited`
    case 13:
      return `host ${destination} unreachable - admin prohibited filter`
  }
  return `${destination} unreachable, code ${icmpCode}`
}

import { type Icmpv6, icmpv6Types } from './icmpv6.ts'
import { layerOf } from './packet.ts'

/** A message: `ICMP6, neighbor solicitation, who has fd00::1, length 32`. */
export const icmpv6Text = (icmp: Icmpv6): string => `ICMP6, ${what(icmp)}, length ${icmp.length}`

const what = (icmp: Icmpv6): string => {
  const { icmpType, icmpCode, query, target, mtu } = icmp
  const ids = query === undefined ? '' : `, id ${query.id}, seq ${query.sequence}`
  switch (icmpType) {
    case icmpv6Types.echoRequest:
      return `echo request${ids}`
    case icmpv6Types.echoReply:
      return `echo reply${ids}`
    case icmpv6Types.unreachable:
      return `destination unreachable, ${unreachable(icmp)}`
    case icmpv6Types.packetTooBig:
      return `packet too big, mtu ${mtu ?? '?'}`
    case icmpv6Types.timeExceeded:
      return `time exceeded ${icmpCode === 0 ? 'in-transit' : 'in reassembly'}`
    case icmpv6Types.parameterProblem:
      return `parameter problem, code ${icmpCode}`
    case icmpv6Types.routerSolicitation:
      return 'router solicitation'
    case icmpv6Types.routerAdvertisement:
      return 'router advertisement'
    case icmpv6Types.neighbourSolicitation:
      return `neighbor solicitation, who has ${target ?? '?'}`
    case icmpv6Types.neighbourAdvertisement:
      return `neighbor advertisement, tgt is ${target ?? '?'}`
    case icmpv6Types.redirect:
      return `redirect, to ${target ?? '?'}`
  }
  return icmpType === 143 ? 'multicast listener report v2' : `type-#${icmpType}`
}

const unreachable = ({ icmpCode, quoted = [] }: Icmpv6): string => {
  const ip = layerOf({ layers: quoted }, 'ipv6')
  const ports = layerOf({ layers: quoted }, 'udp') ?? layerOf({ layers: quoted }, 'tcp')
  const to = ip?.destination ?? '?'
  switch (icmpCode) {
    case 0:
      return `unreachable route ${to}`
    case 1:
      return `unreachable prohibited ${to}`
    case 3:
      return `unreachable address ${to}`
    case 4:
      return `unreachable port, ${to} ${ports?.type ?? 'protocol'} port ${ports?.destinationPort ?? '?'}`
  }
  return `code ${icmpCode}, ${to}`
}

import type { ResolvedSpace } from '../spec/types.ts'
import type { Export } from './types.ts'

/** A plugin of a list, and what the runtime has to hand to it. */
type Plugin = { type: string; [key: string]: unknown }

/** What the plugins bandwidth and ptp can hold: 32 bits, signed. */
const mostBurst = 2_147_483_647

/**
 * A space as a network configuration list of CNI (CNI specification 1.0.0, section 1): ptp makes the cable, host-local
 * gives it the one address that there is, portmap publishes, bandwidth limits. One space is one network, as each has a
 * subnet of its own.
 */
export const cniExport = (spaces: readonly ResolvedSpace[]): Export => ({
  files: spaces.map(space => ({
    path: `/etc/cni/net.d/50-${space.name}.conflist`,
    text: `${JSON.stringify(conflist(space), undefined, 2)}\n`,
  })),
  notes: spaces.flatMap(notesOf),
})

const conflist = (space: ResolvedSpace) => ({
  cniVersion: '1.0.0',
  name: space.name,
  plugins: [ptp(space), ...portmap(space), ...bandwidth(space), ...firewall(space)],
})

const ptp = ({ address, gateway, network, ipv6, mtu, internal, dns }: ResolvedSpace): Plugin => {
  const range = (subnet: string, inner: string, outer: string) => [
    { subnet, rangeStart: inner, rangeEnd: inner, gateway: outer },
  ]
  return {
    type: 'ptp',
    ipMasq: !internal,
    mtu,
    ipam: {
      type: 'host-local',
      ranges: [
        range(network, address, gateway),
        ...(ipv6 === undefined ? [] : [range(ipv6.network, ipv6.address, ipv6.gateway)]),
      ],
      routes: internal ? [] : [{ dst: '0.0.0.0/0' }, ...(ipv6 === undefined ? [] : [{ dst: '::/0' }])],
    },
    ...(dns === undefined ? {} : { dns: { nameservers: dns } }),
  }
}

const portmap = ({ publish }: ResolvedSpace): Plugin[] =>
  publish.length === 0 ? [] : [{ type: 'portmap', capabilities: { portMappings: true }, snat: true }]

/** As seen from the container: what it sends is egress. */
const bandwidth = ({ rate }: ResolvedSpace): Plugin[] => {
  if (rate === undefined) return []
  const limit = (way: 'ingress' | 'egress', bits: number | undefined) =>
    bits === undefined ? {} : { [`${way}Rate`]: bits, [`${way}Burst`]: Math.min(bits, mostBurst) }
  return [{ type: 'bandwidth', ...limit('ingress', rate.down), ...limit('egress', rate.up) }]
}

const firewall = ({ fixFirewall }: ResolvedSpace): Plugin[] => (fixFirewall ? [{ type: 'firewall' }] : [])

/** One port each: CNI has no ranges. */
const portMappings = ({ publish }: ResolvedSpace) =>
  publish.flatMap(({ protocol, hostAddress, hostPort, port }) =>
    Array.from({ length: hostPort.last - hostPort.first + 1 }, (_, offset) => ({
      hostPort: hostPort.first + offset,
      containerPort: port.first + offset,
      protocol,
      ...(hostAddress === undefined ? {} : { hostIP: hostAddress }),
    })),
  )

const notesOf = (space: ResolvedSpace): string[] => {
  const { name, hostInterface, interface: inner, uplink, source, connect, egress, host, internal } = space
  const policies = [
    ...(connect.length > 0 ? ['--connect'] : []),
    ...(egress === undefined ? [] : ['--egress']),
    ...(host === 'dns' ? [] : ['--host']),
  ]
  return [
    `${name}: the runtime chooses the name of the inner end (CNI_IFNAME, here ${inner}), and ptp that of the host end (here ${hostInterface}).`,
    `${name}: ptp gives the host end its address with the length 32, and the inner end a route to the gateway; natspace gives both the whole subnet.`,
    ...(space.publish.length === 0
      ? []
      : [
          `${name}: published ports come from the runtime, not from the list: CAP_ARGS='${JSON.stringify({ portMappings: portMappings(space) })}' for cnitool.`,
        ]),
    ...(uplink === undefined || internal
      ? []
      : [`${name}: ptp translates by whatever link a packet leaves, not by ${uplink} alone.`]),
    ...(source === undefined ? [] : [`${name}: ptp has no fixed source address.`]),
    `${name}: nothing guards the inner addresses against packets from the LAN or from other spaces, nor this host against what its forwarding lets pass${policies.length === 0 ? '' : `; ${policies.join(', ')} cannot be said`}.`,
  ]
}

/**
 * The examples of the reference plugins' documentation, as a runtime reads them and with natspace in their place.
 * docs/cni.md has the same pairs; test/kernel/cni-reference.test.ts runs both and compares what the container has.
 */

export type Example = {
  /** What it is an example of. */
  name: string
  /** Plugins of a list. */
  reference: readonly object[]
  natspace: object
  /** Capabilities that the runtime is asked for. */
  wishes?: object
  /** Of our own making, and not of the documentation. */
  isOurs?: true
}

const routes = [{ dst: '0.0.0.0/0' }]
const small = { type: 'host-local', subnet: '10.1.1.0/24' }
const dns = { nameservers: ['10.1.1.1', '8.8.8.8'] }
const mapped = { type: 'host-local', subnet: '172.16.30.0/24', routes }
const slow = { type: 'host-local', subnet: '10.0.0.0/24' }
/** A thousand times what stands there, as natspace takes rates from 8 kbit/s. */
const limit = { ingressRate: 123_000, ingressBurst: 456_000, egressRate: 123_000, egressBurst: 456_000 }
const settings = { 'net.core.somaxconn': '500', 'net.ipv4.conf.IFNAME.arp_filter': '1' }
const link = { mac: 'c2:b0:57:49:47:f1', mtu: 1454, promisc: true, allmulti: true }
const tuned = { type: 'host-local', subnet: '10.2.0.0/24', routes }
const ranges = {
  type: 'host-local',
  ranges: [
    [
      {
        subnet: '10.10.0.0/16',
        rangeStart: '10.10.1.20',
        rangeEnd: '10.10.3.50',
        gateway: '10.10.0.254',
      },
      { subnet: '172.16.5.0/24' },
    ],
    [
      {
        subnet: '3ffe:ffff:0:01ff::/64',
        rangeStart: '3ffe:ffff:0:01ff::0010',
        rangeEnd: '3ffe:ffff:0:01ff::0020',
      },
    ],
  ],
  routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
}
const ports = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]
const rates = {
  ingressRate: 80_000_000,
  ingressBurst: 8_000_000,
  egressRate: 40_000_000,
  egressBurst: 8_000_000,
}

export const examples: readonly Example[] = [
  {
    name: 'ptp',
    reference: [{ type: 'ptp', ipam: small, dns }],
    natspace: { type: 'natspace', ipMasq: false, ipam: small, dns },
  },
  {
    name: 'portmap',
    reference: [
      { type: 'ptp', ipMasq: true, ipam: mapped },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
    natspace: { type: 'natspace', ipam: mapped, capabilities: { portMappings: true } },
    wishes: { portMappings: ports },
  },
  {
    name: 'host-local',
    reference: [{ type: 'ptp', ipMasq: true, ipam: ranges }],
    natspace: { type: 'natspace', ipam: ranges },
  },
  {
    name: 'bandwidth',
    reference: [
      { type: 'ptp', ipMasq: true, mtu: 512, ipam: slow, dns: { nameservers: ['10.1.0.1'] } },
      { name: 'slowdown', type: 'bandwidth', ...limit },
    ],
    natspace: { type: 'natspace', mtu: 512, ipam: slow, dns: { nameservers: ['10.1.0.1'] }, ...limit },
  },
  {
    name: 'tuning, settings',
    reference: [
      { type: 'ptp', ipMasq: true, ipam: tuned },
      { name: 'mytuning', type: 'tuning', sysctl: settings },
    ],
    natspace: { type: 'natspace', ipam: tuned, sysctl: settings },
  },
  {
    name: 'tuning, interface',
    reference: [
      { type: 'ptp', ipMasq: true, ipam: tuned },
      { name: 'mytuning', type: 'tuning', ...link },
    ],
    natspace: { type: 'natspace', ipam: tuned, ...link },
  },
  {
    name: 'all of them',
    isOurs: true,
    reference: [
      { type: 'ptp', ipMasq: true, ipam: ranges },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
      { type: 'tuning', capabilities: { mac: true }, sysctl: settings },
      { type: 'firewall' },
    ],
    natspace: {
      type: 'natspace',
      ipam: ranges,
      sysctl: settings,
      capabilities: { portMappings: true, bandwidth: true, mac: true },
    },
    wishes: { portMappings: ports, bandwidth: rates, mac: 'c2:b0:57:49:47:f2' },
  },
]

/** Settings of a plugin in one line, as docs/cni.md has them. */
export const exampleText = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(exampleText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${exampleText(item)}`)
  return `{ ${members.join(', ')} }`
}

import type { ResolvedSpace } from '../spec/types.ts'

/** The space of the classical experiment, with which everything is explained when there is none to look at. */
export const articleSpace: ResolvedSpace = {
  name: 'myspace',
  namespacePath: '/run/netns/myspace',
  hostInterface: 'veth1',
  interface: 'veth2',
  gateway: '192.168.45.2',
  address: '192.168.45.3',
  prefixLength: 24,
  network: '192.168.45.0/24',
  uplink: 'eth0',
  publish: [{ protocol: 'tcp', hostPort: { first: 8080, last: 8080 }, port: { first: 80, last: 80 } }],
  mtu: 1500,
  internal: false,
  connect: [],
  host: 'dns',
  metadata: false,
  fixFirewall: false,
}

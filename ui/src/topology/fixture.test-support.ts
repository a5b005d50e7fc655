import type { Topology, TopologyNode } from '../../../src/server/protocol.ts'

/** The article's picture, with a second space that drifted, a foreign bridge with a port, and two published ports. */
export const article: Topology = {
  time: 1_700_000_000_000,
  nodes: [
    { id: 'host', kind: 'host', name: 'host1', lines: [] },
    {
      id: 'space:myspace',
      kind: 'space',
      name: 'myspace',
      lines: ['default via 192.168.45.2'],
      health: 'healthy',
    },
    { id: 'space:web', kind: 'space', name: 'web', lines: [], health: 'drifted', findings: 2 },
    { id: 'link:eth0', kind: 'uplink', name: 'eth0', lines: ['192.168.1.32/24'], parent: 'host' },
    { id: 'foreign:docker0', kind: 'foreign', name: 'docker0', lines: ['bridge of Docker'], parent: 'host' },
    { id: 'foreign:vethab', kind: 'foreign', name: 'vethab', lines: ['veth of Docker'], parent: 'host' },
    { id: 'lan:eth0', kind: 'lan', name: '192.168.1.0/24', lines: [] },
    { id: 'neighbour:192.168.1.15', kind: 'neighbour', name: 'host2', lines: ['192.168.1.15/24'] },
  ],
  edges: [
    {
      id: 'cable:myspace',
      kind: 'cable',
      from: 'space:myspace',
      to: 'host',
      ends: [
        { interface: 'veth2', addresses: ['192.168.45.3/24'] },
        { interface: 'veth1', addresses: ['192.168.45.2/24'] },
      ],
      up: true,
      counters: { receivedPackets: 1, sentPackets: 2, receivedBytes: 98, sentBytes: 196 },
    },
    {
      id: 'cable:web',
      kind: 'cable',
      from: 'space:web',
      to: 'host',
      ends: [
        { interface: 'eth0', addresses: ['10.200.0.2/30', 'fd12::ac8:2/126'] },
        { interface: 'veth-web', addresses: ['10.200.0.1/30', 'fd12::ac8:1/126'] },
      ],
      up: false,
    },
    {
      id: 'uplink:eth0',
      kind: 'uplink',
      from: 'link:eth0',
      to: 'lan:eth0',
      ends: [{ interface: 'eth0', addresses: ['192.168.1.32/24'] }, { addresses: [] }],
      up: true,
      counters: { receivedPackets: 1, sentPackets: 2, receivedBytes: 98, sentBytes: 196 },
    },
    {
      id: 'wire:neighbour:192.168.1.15',
      kind: 'wire',
      from: 'lan:eth0',
      to: 'neighbour:192.168.1.15',
      ends: [{ addresses: [] }, { interface: 'eth0', addresses: ['192.168.1.15/24'] }],
      up: true,
    },
    {
      id: 'bridge-port:vethab',
      kind: 'bridge-port',
      from: 'foreign:vethab',
      to: 'foreign:docker0',
      ends: [
        { interface: 'vethab', addresses: [] },
        { interface: 'docker0', addresses: [] },
      ],
      up: true,
    },
  ],
  ports: [
    {
      id: 'port:myspace:8080',
      space: 'myspace',
      text: '8080:80/tcp',
      reach: { host: 'yes', lan: 'yes', spaces: 'yes' },
    },
    {
      id: 'port:web:443',
      space: 'web',
      text: '443/tcp',
      reach: { host: 'yes', lan: 'blocked', spaces: 'no' },
    },
  ],
}

/** A host with so many spaces. */
export const manySpaces = (count: number): Topology => ({
  ...article,
  ports: [],
  nodes: [
    ...article.nodes.filter(({ kind }) => kind !== 'space'),
    ...Array.from(
      { length: count },
      (_, index): TopologyNode => ({
        id: `space:s${index}`,
        kind: 'space',
        name: `s${index}`,
        lines: [],
        health: index === count - 1 ? 'drifted' : 'healthy',
      }),
    ),
  ],
  edges: [
    ...article.edges.filter(({ kind }) => kind !== 'cable'),
    ...Array.from({ length: count }, (_, index) => ({
      id: `cable:s${index}`,
      kind: 'cable' as const,
      from: `space:s${index}`,
      to: 'host',
      ends: [
        { interface: 'eth0', addresses: [`10.200.${index}.2/30`] },
        { interface: `veth-s${index}`, addresses: [`10.200.${index}.1/30`] },
      ] as [{ interface: string; addresses: string[] }, { interface: string; addresses: string[] }],
      up: true,
    })),
  ],
})

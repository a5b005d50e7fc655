import { formatEgress } from '../spec/egress.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { commandOn, type Evidence } from './evidence.ts'

/**
 * What has to be understood beside the steps: how a reply finds its way, how a packet walks through the host, how
 * outside reaches a published port, and what a space may reach. Each as paragraphs and numbered points, with the values of a
 * space, and with the commands that show it. The lab proves the same sentences one by one.
 */
export type Topic = {
  name: string
  title: string
  paragraphs: string[]
  points: string[]
  after: string[]
  evidence: Evidence[]
}

type Topics = (space: ResolvedSpace, outside: Outside) => Topic

/** Addresses outside, as far as they are known: of the experiment, or in words. */
export type Outside = { host: string; other: string; uplink: string }

/** Host1 and host2 of the experiment. */
export const articleOutside: Outside = { host: '192.168.1.32', other: '192.168.1.15', uplink: 'eth0' }

/** For a real space: what its packets meet outside is not known beforehand. */
export const outsideOf = ({ uplink }: ResolvedSpace): Outside => ({
  host: 'HOST',
  other: 'DEST',
  uplink: uplink ?? 'UPLINK',
})

const reply: Topics = (space, { host, other, uplink }) => ({
  name: 'reply',
  title: 'Why the reply finds its way though no DNAT rule exists',
  paragraphs: [
    'Connection tracking remembers the translation of step 8 and reverses it for every reply.',
    `Captures at three points (tcpdump -envi IF -p icmp) of a ping from inside, with ${host} as this host and ${other} as another:`,
  ],
  points: [
    `the LAN, at the other host: request ${host} > ${other}, reply ${other} > ${host}`,
    `${uplink} of this host: request ${host} > ${other}, reply ${other} > ${host}, with the query identifier of the request`,
    `${space.hostInterface} of this host: request ${space.address} > ${other}, reply ${other} > ${space.address}, with the same identifier`,
  ],
  after: [
    'For ICMP the key is the query identifier (RFC 5508 section 3.1, ICMP Query Mapping), which plays the part that the port plays in TCP and UDP: the NAT may even have to change it, when two namespaces use the same one.',
    'It is often said that TCP and UDP need a DNAT rule where ICMP does not. To be exact: replies of any protocol are reversed by connection tracking, and a DNAT rule is needed only for a new connection that begins outside.',
    `Without step 8 the request does reach the other host, with source ${space.address}, and the reply never comes back: its destination is an inside address to which the other host has no route.`,
  ],
  evidence: [
    {
      command: commandOn(space, 'trace', '--to', other),
      shows: 'the points, and who reverses the reply',
    },
    { command: commandOn(space, 'capture', 'icmp'), shows: 'any ping at these points, while it happens' },
  ],
})

const walk: Topics = (space, { other, uplink }) => ({
  name: 'walk',
  title: 'The walk of an outbound packet through this host',
  paragraphs: [
    `The namespace sends it to its default route (step 6), ${space.gateway}, which must be the host end of the cable, as its only cable leads there.`,
  ],
  points: [
    'PREROUTING: nothing to translate for a packet that goes out; the guard lets it in, as it bears the address of the space.',
    `Routing decision: the destination is not this host, so the packet is forwarded. That needs step 7, which is off by default, and then the FORWARD rules of step 9: in from ${space.hostInterface}, out to ${uplink}. Here it is decided whether the space may reach the destination (natspace explain policy).`,
    `Forwarding: the route to the destination leaves by ${uplink}.`,
    `POSTROUTING: the source is still ${space.address}; step 8 puts the address of this host in its place.`,
    `Out by ${uplink}.`,
  ],
  after: [],
  evidence: [
    {
      command: commandOn(space, 'trace', '--to', other, '-v'),
      shows: 'this walk and the way back, hook by hook',
    },
  ],
})

const inbound: Topics = (space, { host, uplink }) => {
  const [first] = space.publish
  const port = first?.hostPort.first ?? 8080
  const inner = first?.port.first ?? 80
  return {
    name: 'inbound',
    title: 'Inbound: how outside reaches a server in the namespace (DNAT)',
    paragraphs: [
      `Outside knows the address of this host alone: ${host}:${port} leads to ${space.address}:${inner}.${first === undefined ? ' (This space publishes nothing; the ports are an example.)' : ''}`,
    ],
    points: [
      `A packet for ${host}:${port} comes in on ${uplink}.`,
      `PREROUTING rewrites the destination to ${space.address}:${inner}.`,
      'Routing decision: it is not for this host any more, so it is forwarded (steps 7 and 9, in this direction).',
      `The route leads to ${space.hostInterface}.`,
      'POSTROUTING: step 8 does not apply, as it matches the inside source.',
      'The packet goes through the cable into the namespace.',
      `The server on port ${inner} receives it; its replies are translated back by connection tracking.`,
    ],
    after: [
      ...(space.ipv6 === undefined
        ? []
        : [
            `The same holds for IPv6, where the port leads to [${space.ipv6.address}]:${inner}; a port of one address of this host has the family of that address.`,
          ]),
      'The server sees who asks. There are three exceptions, which could not be answered otherwise: this host itself by 127.0.0.1 or ::1, the space by its own published port, and anyone who asks an internal space. They appear as the host end of the cable.',
    ],
    evidence: [
      {
        command: commandOn(space, 'trace', '--from', 'any', '--limit', '1', '-v'),
        shows: 'the walk of the next connection from outside',
      },
    ],
  }
}

/** What each setting of a policy means for a space, in the order in which packets are looked at. */
const policy: Topics = (space, { other }) => {
  const { name, internal, host, metadata, uplink, egress, connect, source } = space
  return {
    name: 'policy',
    title: 'What a space may reach',
    paragraphs: [
      `A packet from ${name} is refused at the first of these that it fails. Refused means that the program inside is told at once. Answers to what others were allowed to begin always pass.`,
    ],
    points: [
      `Source: a space can use no address but its own (${[space.address, ...(space.ipv6 ? [space.ipv6.address] : [])].join(', ')}); anything else is dropped.`,
      `This host itself (--host ${host}): ${hostTexts[host]}${host === 'dns' && internal ? ' As the space is internal the resolver is refused: it asks others, and would be a way out.' : ''} Published ports are no part of that.`,
      `Other spaces (--connect): ${connect.length === 0 ? `${name} may open connections to none` : `${name} may open connections to ${connect.map(peer => peer.name).join(', ')}, at the inside address and at any port`}. All reach the published ports of others, where the points below allow it.`,
      `Outside (--internal): ${internal ? `${name} is internal and begins nothing that leaves this host.` : `${name} is not internal and may begin connections.`}`,
      `The metadata service of a cloud (--metadata): ${metadata ? 'allowed' : 'refused'}. It gives credentials of the machine to whoever asks; port 53 stays open, as some clouds have their resolver at the same address.`,
      `The way out (--uplink): ${uplink === undefined ? 'wherever a route of this host leads' : `by ${uplink} alone`}.`,
      `Destinations (--egress): ${egress === undefined ? 'all' : egress.length === 0 ? 'none' : `only ${egress.map(formatEgress).join(', ')}`}. Of a published port of another space it is the inside address and port that count.`,
    ],
    after: [
      ...(internal
        ? []
        : [
            `What leaves bears ${source === undefined ? 'the address of this host that the route has' : `${Object.values(source).join(', ')} (--source)`}.`,
          ]),
      'Into a space leads nothing but its published ports, what it is answered, and what spaces begin that are connected to it; into a container also what others of its network begin, and networks that it accepts. This host itself reaches the inside address too.',
    ],
    evidence: [
      {
        command: commandOn(space, 'trace', '--to', `${other}:443`),
        shows: 'whether it may, and which rule says so',
      },
    ],
  }
}

const hostTexts: Record<ResolvedSpace['host'], string> = {
  none: 'nothing, not even echo.',
  dns: 'its resolver (port 53) and echo (ping), and nothing else.',
  all: 'everything but its loopback.',
}

/** The topics in the order in which they are told. */
export const topics = { walk, reply, inbound, policy } as const satisfies Record<string, Topics>
export type TopicName = keyof typeof topics

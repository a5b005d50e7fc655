import { internetChecksum } from '../../src/linux/net/checksum.ts'
import { parseIp } from '../../src/linux/net/ip.ts'
import { Connection } from '../../src/linux/netlink/connection.ts'
import type { Packet } from '../../src/linux/nftables/evaluate/index.ts'
import {
  multicastGroups,
  NETLINK_NETFILTER,
  type Ruleset,
  readRuleset,
  traceMessage,
} from '../../src/linux/nftables/index.ts'
import { messageTypes } from '../../src/linux/nftables/messages/header.ts'
import { Descriptor } from '../../src/linux/sys/descriptor.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { libc } from '../../src/linux/sys/libc.ts'
import { insideNamespace, openNamespace } from '../../src/linux/sys/namespace.ts'
import { encodeSocketAddress } from '../../src/linux/sys/socket-address.ts'
import { ip, run } from './sandbox.ts'

/**
 * A router between two namespaces, `left` and `right`, in the test's sandbox; packets made by hand go through it, and
 * what the kernel did with each is seen by a table of its own: which came, which were forwarded and how they looked then,
 * and which were answered by "unreachable". Nobody else answers anything. Packets are told apart by a number that they
 * carry in the IP header's identification (IPv6: flow label).
 */

const IPPROTO_RAW = 255
const SOCK_RAW = 3

export const addresses = {
  4: { left: '10.1.0.2', right: '10.2.0.2', router: ['10.1.0.1', '10.2.0.1'] },
  6: { left: 'fd01::2', right: 'fd02::2', router: ['fd01::1', 'fd02::1'] },
} as const

const sides = ['left', 'right'] as const
export type Side = (typeof sides)[number]

/** What became of a packet. */
export type Fate = {
  verdict: 'accept' | 'drop' | 'reject'
  /** Table, chain, and rule or `policy`, of every base chain that it met behind prerouting. */
  decidedBy: string[]
}

const probe = `
table inet zz_probe {
  set came4 { typeof ip id; flags dynamic; size 65535; }
  set came6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
  set gone4 { typeof ip id; flags dynamic; size 65535; }
  set gone6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
  set to4 { type inet_service . ipv4_addr . inet_service; flags dynamic; size 65535; }
  set to6 { type inet_service . ipv6_addr . inet_service; flags dynamic; size 65535; }
  set from4 { type inet_service . ipv4_addr; flags dynamic; size 65535; }
  set from6 { type inet_service . ipv6_addr; flags dynamic; size 65535; }
  set refused4 { typeof ip id; flags dynamic; size 65535; }
  set refused6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
  chain in { type filter hook prerouting priority -500;
    ct state new counter
    meta nftrace set 1
    add @came4 { ip id }
    add @came6 { ip6 flowlabel }
  }
  chain out { type filter hook postrouting priority 500;
    meta iif 0 return
    add @gone4 { ip id }
    add @gone6 { ip6 flowlabel }
    meta nfproto ipv4 add @to4 { th sport . ip daddr . th dport }
    meta nfproto ipv6 add @to6 { th sport . ip6 daddr . th dport }
    meta nfproto ipv4 add @from4 { th dport . ip saddr }
    meta nfproto ipv6 add @from6 { th dport . ip6 saddr }
  }
  chain own { type filter hook output priority -500;
    icmp type destination-unreachable add @refused4 { @th,96,16 }
    icmpv6 type destination-unreachable add @refused6 { @th,76,20 }
  }
}
`

const indexOf = (name: string): number => Number(/^\d+/.exec(ip(`-o link show ${name}`))?.[0])

export class RouterStage implements Disposable {
  readonly #sockets = new Map<string, Descriptor>()
  readonly #connection: Connection
  readonly #events: Connection
  /** Numbers of packets by the identifier that the trace gives them, and what it told about each. */
  readonly #numbers = new Map<number, number>()
  readonly #found = new Map<number, string[]>()
  readonly indexes: Readonly<Record<Side, number>>

  constructor() {
    for (const side of sides) {
      const [v4, v6] = [addresses[4], addresses[6]]
      const at = side === 'left' ? 0 : 1
      ip(`netns add ${side}`)
      ip(`link add ${side}0 type veth peer name eth0 netns ${side}`)
      ip(`address add ${v4.router[at]}/24 dev ${side}0`)
      ip(`address add ${v6.router[at]}/64 dev ${side}0 nodad`)
      ip(`link set ${side}0 up`)
      const inside = (line: string) => ip(`-n ${side} ${line}`)
      inside(`address add ${v4[side]}/24 dev eth0`)
      inside(`address add ${v6[side]}/64 dev eth0 nodad`)
      inside('link set eth0 up')
      inside(`route add default via ${v4.router[at]}`)
      inside(`-6 route add default via ${v6.router[at]}`)
      const mac = (line: string) => / link\/ether (\S+)/.exec(ip(line))?.[1] ?? ''
      for (const address of [v4[side], v6[side]])
        ip(
          `neighbour replace ${address} lladdr ${mac(`-n ${side} link show eth0`)} dev ${side}0 nud permanent`,
        )
      for (const address of [v4.router[at], v6.router[at]])
        inside(`neighbour replace ${address} lladdr ${mac(`link show ${side}0`)} dev eth0 nud permanent`)
      run('ip', [
        'netns',
        'exec',
        side,
        'nft',
        'add table inet mute; add chain inet mute in { type filter hook input priority -500; policy drop; }',
      ])
    }
    run('sysctl', [
      '-qw',
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
      'net.ipv4.icmp_ratelimit=0',
      'net.ipv6.icmp.ratelimit=0',
    ])
    this.indexes = { left: indexOf('left0'), right: indexOf('right0') }
    this.#connection = Connection.open(NETLINK_NETFILTER)
    this.#events = Connection.open(NETLINK_NETFILTER, { groups: [multicastGroups.NFNLGRP_NFTRACE] })
  }

  /** Replaces the ruleset by nothing but the probe, and forgets all connections. */
  reset(): void {
    run('nft', ['flush', 'ruleset'])
    run('conntrack', ['-F'])
    this.#numbers.clear()
    this.#found.clear()
    run('nft', ['-f', '-'], probe)
  }

  /** The ruleset without the probe. */
  ruleset(): Ruleset {
    const ruleset = readRuleset(this.#connection)
    return { ...ruleset, tables: ruleset.tables.filter(({ name }) => name !== 'zz_probe') }
  }

  /** Sends a packet from one side; what is not given of it is zero. */
  send(from: Side, number: number, packet: Packet): void {
    const bytes = packetBytes(packet, number)
    const address = encodeSocketAddress({ address: packet.destination ?? '', port: 0 })
    const sent = libc().sendto(
      this.#socket(from, packet.family),
      bytes,
      bytes.length,
      0,
      address,
      address.length,
    )
    if (sent !== bytes.length) throw new SystemError('sendto', libc().errno())
    // At once, as the kernel keeps few of them.
    this.#listen()
  }

  #socket(side: Side, family: 4 | 6): number {
    const kept = this.#sockets.get(`${side}${family}`)
    if (kept !== undefined) return kept.number
    using namespace = openNamespace(`/run/netns/${side}`)
    const made = insideNamespace(namespace.number, () => {
      const number = libc().socket(family === 4 ? 2 : 10, SOCK_RAW, IPPROTO_RAW)
      if (number < 0) throw new SystemError('socket', libc().errno())
      return new Descriptor(number)
    })
    this.#sockets.set(`${side}${family}`, made)
    return made.number
  }

  /** What became of the packets with these numbers, all of one family. Waits until each has come to the router. */
  async fates(family: 4 | 6, numbers: readonly number[]): Promise<Map<number, Fate>> {
    const elements = await this.#arrived(family, numbers)
    const [refused, gone] = [elements(`refused${family}`), elements(`gone${family}`)]
    this.#listen()
    const fateOf = (number: number): Fate => {
      const decidedBy = this.#found.get(number) ?? []
      const verdict = gone.has(number) ? 'accept' : refused.has(number) ? 'reject' : 'drop'
      return { verdict, decidedBy }
    }
    return new Map(numbers.map(number => [number, fateOf(number)] as const))
  }

  /** From the kernel's trace: which rule, or policy, ended each base chain of others that a packet went through. */
  #listen(): void {
    const [numbers, found] = [this.#numbers, this.#found]
    for (const { type, payload } of this.#events.receiveEvents()) {
      if (type !== messageTypes.NFT_MSG_TRACE) continue
      const event = traceMessage.decode(payload, 0, payload.length).attributes
      const { id = 0, networkHeader: header, verdict } = event
      if (header !== undefined) numbers.set(id, numberIn(header))
      const number = numbers.get(id)
      if (event.table === 'zz_probe' || number === undefined) continue
      const isEnd =
        event.type === 'policy' || (event.type === 'rule' && (verdict?.code === 0 || verdict?.code === 1))
      if (!isEnd) continue
      const by = event.type === 'policy' ? 'policy' : `${event.ruleHandle}`
      found.set(number, [...(found.get(number) ?? []), `${event.table} ${event.chain} ${by}`])
    }
  }

  async #arrived(
    family: 4 | 6,
    numbers: readonly number[],
  ): Promise<(set: string) => ReadonlyMap<number, string>> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const came = this.#elements(`came${family}`)
      // What becomes of a packet is decided in one go, so a moment behind its arrival is enough.
      if (attempt > 0 && numbers.every(number => came.has(number))) return name => this.#elements(name)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    throw new Error('Some packets never came to the router')
  }

  /** A set of the probe: the first fields of its keys, and the others as a text. */
  #elements(name: string): ReadonlyMap<number, string> {
    const set = readRuleset(this.#connection, { family: 'inet', table: 'zz_probe' }).tables[0]?.sets.find(
      item => item.name === name,
    )
    return new Map(set?.elements.map(({ key: [number, ...rest] }) => [Number(number), rest.join(' ')]))
  }

  /** Destination and port with which packets left, by their source port. */
  destinations(family: 4 | 6): ReadonlyMap<number, string> {
    return this.#elements(`to${family}`)
  }

  /** The source with which packets left, by their destination port. */
  sources(family: 4 | 6): ReadonlyMap<number, string> {
    return this.#elements(`from${family}`)
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket.close()
    this.#connection[Symbol.dispose]()
    this.#events[Symbol.dispose]()
    run('nft', ['flush', 'ruleset'])
    for (const side of sides) {
      ip(`link delete ${side}0`)
      ip(`netns delete ${side}`)
    }
    run('sysctl', ['-qw', 'net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0'])
  }
}

/** A packet's number, from its network header. */
const numberIn = (header: Uint8Array): number => {
  const at = (index: number) => header[index] ?? 0
  return at(0) >> 4 === 4 ? at(4) * 256 + at(5) : (at(1) & 15) * 65_536 + at(2) * 256 + at(3)
}

/** The bytes of a packet, checksums included. */
export const packetBytes = (packet: Packet, number: number): Uint8Array => {
  const payload = transportBytes(packet)
  const [source, destination] = [parseIp(packet.source ?? ''), parseIp(packet.destination ?? '')]
  if (source === undefined || destination === undefined) throw new Error('A packet needs addresses')
  const pseudo = new Uint8Array([
    ...source,
    ...destination,
    0,
    packet.protocol ?? 0,
    0,
    payload.length,
    ...payload,
  ])
  const place = { 1: 2, 6: 16, 17: 6, 58: 2 }[packet.protocol ?? 0]
  if (place !== undefined) {
    const sum = internetChecksum(packet.protocol === 1 ? payload : pseudo)
    payload.set([sum >> 8, sum & 255], place)
  }
  if (packet.family === 6) {
    const header = [
      0x60 | 0,
      (number >> 16) & 15,
      (number >> 8) & 255,
      number & 255,
      0,
      payload.length,
      packet.protocol ?? 59,
      64,
    ]
    return new Uint8Array([...header, ...source, ...destination, ...payload])
  }
  const length = 20 + payload.length
  const header = [
    0x45,
    0,
    length >> 8,
    length & 255,
    number >> 8,
    number & 255,
    0,
    0,
    64,
    packet.protocol ?? 0,
    0,
    0,
  ]
  return new Uint8Array([...header, ...source, ...destination, ...payload])
}

const two = (value = 0): number[] => [value >> 8, value & 255]

const transportBytes = (packet: Packet): Uint8Array => {
  const ports = [...two(packet.sourcePort), ...two(packet.destinationPort)]
  switch (packet.protocol) {
    case 6:
      return Uint8Array.of(
        ...ports,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        packet.tcpFlags === 2 ? 0 : 1,
        0x50,
        packet.tcpFlags ?? 0,
        0xff,
        0xff,
        0,
        0,
        0,
        0,
      )
    case 17:
      return Uint8Array.of(...ports, 0, 12, 0, 0, 1, 2, 3, 4)
    default:
      // The identifier of an echo stands in the description as its source port.
      return Uint8Array.of(packet.icmpType ?? 0, packet.icmpCode ?? 0, 0, 0, ...two(packet.sourcePort), 0, 1)
  }
}

/**
 * The two-host attacker stage, once for all tests of a file. Everything is a namespace of the sandbox:
 *
 *     host2    .15 ─┐
 *     attacker .66 ─┴─ LAN 192.168.1.0/24, 2001:db8:1::/64 ── .32 eth0 [host] eth1 .1 ── 192.168.2.0/24 ── .2 far
 *
 * natspace runs in `host`. The attacker owns its machine and may put anything on the LAN; it has routes to all that is
 * not its own by way of the host, as a neighbour who tries would.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openNamespace } from '../../../src/linux/sys/namespace.ts'
import { Socket } from '../../../src/linux/sys/socket.ts'
import { listen } from '../listen.ts'
import { type Ran, run, tryRun } from '../sandbox.ts'
import { Wire } from './wire.ts'

const executable = join(import.meta.dirname, '../../../dist/natspace')
const state = '/run/natspace-attack'

export type Family = 4 | 6
export const families: readonly Family[] = [4, 6]

/** Who has which address. `uplink2` is the host's on eth1. */
export const addresses = {
  4: {
    host: '192.168.1.32',
    host2: '192.168.1.15',
    attacker: '192.168.1.66',
    uplink2: '192.168.2.1',
    far: '192.168.2.2',
    loopback: '127.0.0.1',
    metadata: '169.254.169.254',
  },
  6: {
    host: '2001:db8:1::32',
    host2: '2001:db8:1::15',
    attacker: '2001:db8:1::66',
    uplink2: '2001:db8:2::1',
    far: '2001:db8:2::2',
    loopback: '::1',
    metadata: 'fd00:ec2::254',
  },
} as const

type Machine = 'host' | 'host2' | 'attacker' | 'far' | 'lan'

/** Namespaces of the stage; the spaces have their own names. */
export const machine = (name: Machine): string => `stage-${name}`

/** Runs a command line, words apart by blanks, in a namespace of /run/netns. */
export const inside = (namespace: string, line: string): Ran =>
  tryRun('nsenter', [`--net=/run/netns/${namespace}`, ...line.split(' ')])

/** As `inside`, and throws when it fails. */
export const must = (namespace: string, line: string): string =>
  run('nsenter', [`--net=/run/netns/${namespace}`, ...line.split(' ')])

const sysctl = (namespace: string, key: string, value: string): void => {
  must(namespace, `sysctl -qw ${key}=${value}`)
}

const lan = (name: Machine, last: string): string[] => [
  `link add ${name} netns ${machine('lan')} type veth peer name eth0 netns ${machine(name)}`,
  `-n ${machine('lan')} link set ${name} master br0 up`,
  `-n ${machine(name)} address add 192.168.1.${last}/24 dev eth0`,
  `-n ${machine(name)} address add 2001:db8:1::${last}/64 dev eth0 nodad`,
  `-n ${machine(name)} link set eth0 up`,
]

const machines: readonly Machine[] = ['lan', 'host', 'host2', 'attacker', 'far']

export class Stage implements Disposable {
  readonly #open: Disposable[] = []

  constructor() {
    for (const name of machines) {
      run('ip', ['netns', 'add', machine(name)])
      // An address is usable at once, and nobody configures itself.
      for (const leaf of ['accept_dad=0', 'router_solicitations=0'])
        must(machine(name), `sysctl -qw net.ipv6.conf.default.${leaf}`)
    }
    const [host, attacker, far] = [machine('host'), machine('attacker'), machine('far')]
    const lines = [
      ...machines.map(name => `-n ${machine(name)} link set lo up`),
      `-n ${machine('lan')} link add br0 type bridge`,
      `-n ${machine('lan')} link set br0 up`,
      ...lan('host', '32'),
      ...lan('host2', '15'),
      ...lan('attacker', '66'),
      `link add eth1 netns ${host} type veth peer name eth0 netns ${far}`,
      `-n ${host} address add 192.168.2.1/24 dev eth1`,
      `-n ${host} address add 2001:db8:2::1/64 dev eth1 nodad`,
      `-n ${host} link set eth1 up`,
      `-n ${far} address add 192.168.2.2/24 dev eth0`,
      `-n ${far} address add 2001:db8:2::2/64 dev eth0 nodad`,
      `-n ${far} link set eth0 up`,
      `-n ${far} route add default via 192.168.2.1`,
      `-n ${far} route add default via 2001:db8:2::1`,
      `-n ${host} route add default via 192.168.1.15`,
      `-n ${host} route add default via 2001:db8:1::15`,
      ...['10.200.0.0/16', '192.168.2.0/24'].map(net => `-n ${attacker} route add ${net} via 192.168.1.32`),
      ...['fd00::/8', '2001:db8:2::/64'].map(net => `-n ${attacker} route add ${net} via 2001:db8:1::32`),
    ]
    for (const line of lines) run('ip', line.split(' '))
    // Refusals are told at once, each of them.
    for (const key of ['net.ipv4.icmp_ratelimit', 'net.ipv6.icmp.ratelimit']) sysctl(host, key, '0')
  }

  /** Runs natspace on the host. Throws when it fails. */
  natspace(line: string): string {
    return run('nsenter', [
      `--net=/run/netns/${machine('host')}`,
      'env',
      `NATSPACE_STATE=${state}`,
      executable,
      ...line.split(' '),
    ])
  }

  /** `natspace up NAME OPTIONS`, and what others have to know of the space. */
  up(name: string, options = ''): Space {
    this.natspace(`up ${name} ${options}`.trim())
    const link = (namespace: string, device: string) =>
      (JSON.parse(run('ip', ['-n', namespace, '-j', 'address', 'show', device])) as LinkSeen[])[0]
    const inner = link(name, 'eth0')
    const outer = link(machine('host'), `veth-${name}`)
    const of = (seen: LinkSeen | undefined, family: 'inet' | 'inet6') =>
      seen?.addr_info.find(item => item.family === family && item.scope === 'global')?.local ?? ''
    return {
      name,
      device: `veth-${name}`,
      hostMac: outer?.address ?? '',
      address: { 4: of(inner, 'inet'), 6: of(inner, 'inet6') },
      gateway: { 4: of(outer, 'inet'), 6: of(outer, 'inet6') },
    }
  }

  /** A link to send and to see packets by, until the stage is taken down. */
  wire(namespace: string, device = 'eth0'): Wire {
    return this.keep(new Wire(namespace, device))
  }

  /** A UDP socket that waits in a namespace. */
  udp(namespace: string, address: string, port: number): Socket {
    return this.keep(listen({ protocol: 'udp', address, port, where: `/run/netns/${namespace}` }))
  }

  /** A TCP server that waits in a namespace. */
  tcp(namespace: string, address: string, port: number): Socket {
    return this.keep(listen({ protocol: 'tcp', address, port, where: `/run/netns/${namespace}` }))
  }

  /** Closes it with the stage. */
  keep<T extends Disposable>(item: T): T {
    this.#open.push(item)
    return item
  }

  [Symbol.dispose](): void {
    for (const item of this.#open) item[Symbol.dispose]()
    tryRun('nsenter', [
      `--net=/run/netns/${machine('host')}`,
      'env',
      `NATSPACE_STATE=${state}`,
      executable,
      'down',
      '--all',
    ])
    for (const name of machines) tryRun('ip', ['netns', 'delete', machine(name)])
    rmSync(state, { recursive: true, force: true })
  }
}

type LinkSeen = { address: string; addr_info: { family: string; local: string; scope: string }[] }

/** A space as others see it. `hostMac` is that of the host end of its cable. */
export type Space = {
  name: string
  device: string
  hostMac: string
  address: Record<Family, string>
  gateway: Record<Family, string>
}

/** Whether a TCP connection from one namespace to an address comes about, and is heard by the server. */
export const connects = (from: string, address: string, port: number, server: Socket): boolean => {
  using namespace = openNamespace(`/run/netns/${from}`)
  const family = address.includes(':') ? 6 : 4
  try {
    using client = Socket.connect({ address, port }, 200, { namespace: namespace.number, family })
    using accepted = server.accept(300)
    return accepted !== undefined && client.local.port > 0
  } catch {
    // Refused, rejected or unheard: all of them mean no.
    return false
  }
}

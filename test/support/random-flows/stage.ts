/**
 * The host of this sandbox with spaces of natspace behind it, and two others before it:
 *
 *     spaces ── cables ── [host] eth0 .32 ── 192.168.1.0/24, 2001:db8:1::/64 ── .15, .16 flows-host2 (and 203.0.113.7 behind it)
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Kernel } from '../../../src/linux/kernel.ts'
import type { ResolvedSpace } from '../../../src/space/spec/types.ts'
import { readSpaceRecord, statePaths } from '../../../src/space/state/records.ts'
import { run, tryRun } from '../sandbox.ts'
import { Watchers } from './watchers.ts'

const executable = join(import.meta.dirname, '../../../dist/natspace')
const state = '/run/flows-state'
const logOf = (place: string): string => `/run/${place}.log`

export const host2 = 'flows-host2'

/** Who has which address, by family. `far` is behind host2, `absent` is nobody, `spare` a second one of the host. */
export const addresses = {
  4: {
    host: '192.168.1.32',
    spare: '192.168.1.33',
    host2: '192.168.1.15',
    second: '192.168.1.16',
    far: '203.0.113.7',
    absent: '192.168.1.77',
  },
  6: {
    host: '2001:db8:1::32',
    spare: '2001:db8:1::33',
    host2: '2001:db8:1::15',
    second: '2001:db8:1::16',
    far: '2001:db8:2::7',
    absent: '2001:db8:1::77',
  },
} as const

/** What each space is for. */
export const spaceOptions = {
  'flows-plain': '--host all -p 8080-8082:80-82 -p 8053-8055:53-55/udp',
  'flows-limited':
    '--egress 192.168.1.15:80 --egress 192.168.1.16:53/udp --egress [2001:db8:1::15]:80 --egress 192.168.1.0/24/icmp',
  'flows-peer': '--connect flows-plain',
} as const
export type SpaceName = keyof typeof spaceOptions
export const spaceNames = Object.keys(spaceOptions) as SpaceName[]

const topology = `
set -e
ip netns add ${host2}
ip link add eth0 type veth peer name eth0 netns ${host2}
sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0
ip address add 192.168.1.32/24 dev eth0; ip address add 192.168.1.33/24 dev eth0
ip address add 2001:db8:1::32/64 dev eth0 nodad; ip address add 2001:db8:1::33/64 dev eth0 nodad preferred_lft 0
ip link set eth0 up
nsenter --net=/run/netns/${host2} sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0 \
  net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
ip -n ${host2} link set lo up
ip -n ${host2} address add 203.0.113.7/32 dev lo; ip -n ${host2} address add 2001:db8:2::7/128 dev lo
for last in 15 16; do
  ip -n ${host2} address add 192.168.1.$last/24 dev eth0
  ip -n ${host2} address add 2001:db8:1::$last/64 dev eth0 nodad
done
ip -n ${host2} link set eth0 up
ip route add default via 192.168.1.15; ip -6 route add default via 2001:db8:1::15
sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
nsenter --net=/run/netns/${host2} nft 'table inet deaf { chain input { type filter hook input priority 0; tcp dport 82 drop; udp dport 56 drop; }; }'
`

const remains = `
nft flush ruleset
ip netns del ${host2}; ip link del eth0
sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.default.accept_dad=1 \
  net.ipv4.icmp_ratelimit=1000 net.ipv6.icmp.ratelimit=1000
rm -f /run/flows-*.log /run/flows-was
true
`

/** The space that publishes ports. */
export const published: SpaceName = 'flows-plain'

/** Servers at some addresses of a namespace. */
const serve = (place: string, addresses: readonly string[]): ChildProcess => {
  const program = `${process.execPath} ${join(import.meta.dirname, 'server.ts')} ${addresses.join(' ')}`
  const line = `exec nsenter --net=/run/netns/${place} ${program} >${logOf(place)} 2>&1`
  return spawn('sh', ['-c', line], { stdio: 'ignore' })
}

export type StagedSpace = ResolvedSpace & { name: SpaceName }

export class FlowStage implements Disposable {
  readonly spaces: ReadonlyMap<SpaceName, StagedSpace>
  readonly watchers: Watchers
  readonly #servers: ChildProcess[]

  constructor(kernel: Kernel) {
    run('sh', ['-c', topology])
    for (const [name, options] of Object.entries(spaceOptions))
      this.natspace(`up -q ${name} --ipv6 on ${options}`)
    this.spaces = new Map(
      spaceNames.map(name => {
        const record = readSpaceRecord(kernel, statePaths(state), name)
        if (record === undefined) throw new Error(`there is no ${name}`)
        return [name, record.space as StagedSpace]
      }),
    )
    const own = [addresses[4], addresses[6]].flatMap(({ host2: first, second, far }) => [first, second, far])
    const { address, ipv6 } = this.space(published)
    this.#servers = [serve(host2, own), serve(published, [address, ipv6?.address ?? '::1'])]
    const places = [...this.spaces.values()]
    this.watchers = new Watchers(
      [
        { place: 'host', link: 'eth0', sender: { place: host2, link: 'eth0' } },
        { place: host2, link: 'eth0', sender: { place: host2, link: 'eth0' } },
        ...places.flatMap(({ name, interface: link, hostInterface }) => [
          { place: name, link, sender: { place: name, link } },
          { place: name, link: 'lo', sender: { place: name, link: 'lo' } },
          { place: 'host', link: hostInterface, sender: { place: name, link } },
        ]),
      ],
      ['host', ...spaceNames],
    )
    for (const place of [host2, published])
      for (let attempt = 0; !readFileSync(logOf(place), 'utf8').includes('ready'); attempt++) {
        if (attempt > 1000) throw new Error(`the servers do not start: ${readFileSync(logOf(place), 'utf8')}`)
        Bun.sleepSync(10)
      }
  }

  space(name: SpaceName): StagedSpace {
    const space = this.spaces.get(name)
    if (space === undefined) throw new Error(`there is no ${name}`)
    return space
  }

  /** Runs the command, and returns what it prints. Throws when it fails. */
  natspace(line: string): string {
    return run('env', [`NATSPACE_STATE=${state}`, executable, ...line.split(' ')])
  }

  [Symbol.dispose](): void {
    this.watchers[Symbol.dispose]()
    for (const server of this.#servers) server.kill('SIGKILL')
    tryRun('env', [`NATSPACE_STATE=${state}`, executable, 'down', '-q', '--all'])
    run('sh', ['-c', remains])
    rmSync(state, { recursive: true, force: true })
  }
}

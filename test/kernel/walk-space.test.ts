/** The article's space, made by the command, and the walks of its packets. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packetsOf } from '../../src/insight/walk/packet-collector.ts'
import type { TracedPacket } from '../../src/insight/walk/steps.ts'
import { TraceWatcher } from '../../src/insight/walk/trace-events.ts'
import { TraceTable } from '../../src/insight/walk/trace-table.ts'
import type { TracedFlow } from '../../src/insight/walk/traced-flow.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import { changeText, linesOf, nftLines, traceBesideNft } from '../support/walk-monitor.ts'
import { at, ping } from '../support/walk-stage.ts'

requireSandbox()

const executable = join(import.meta.dirname, '../../dist/natspace')
const space = '/run/netns/myspace'
const host2 = '/run/netns/walk-host2'
const kernel = new LinuxKernel()

beforeAll(() => {
  if (!existsSync(executable)) throw new Error('dist/natspace is missing: npm run build')
  run('sh', [
    '-c',
    `set -e
    ip link set lo up
    ip netns add walk-host2
    ip link add eth0 type veth peer name eth0 netns walk-host2
    ip address add 192.168.1.32/24 dev eth0; ip link set eth0 up
    ip -n walk-host2 link set lo up
    ip -n walk-host2 address add 192.168.1.15/24 dev eth0; ip -n walk-host2 link set eth0 up
    ip route add default via 192.168.1.1
    ${executable} up -q myspace --gateway 192.168.45.2/24 --address 192.168.45.3 --host-interface veth1 \
      --interface veth2 --uplink eth0 -p 8080:80`,
  ])
})
afterAll(() => {
  kernel[Symbol.dispose]()
  run('sh', ['-c', `${executable} down -q myspace; ip netns del walk-host2; ip link del eth0; true`])
})

/** Names of the hooks, with what changed at each. */
const waypoints = ({ hooks }: TracedPacket): string[] =>
  hooks.map(({ hook, changes, changesBefore }) =>
    [...changesBefore.map(changeText), hook, ...changes.map(changeText)].join('; '),
  )

/** Traces in this host beside nft; what both tell of each step must be the same. */
const walk = (flow: TracedFlow, action: () => void): TracedPacket[] => {
  const { events, monitor } = traceBesideNft(kernel, [flow], action)
  // nft prints of what iptables made only a name, which we put into words.
  const plain = (line: string) => line.replace(/ rule .* \(verdict/, ' rule (verdict')
  const [ours, nfts] = [linesOf(events), nftLines(monitor)]
  expect(ours.map(plain)).toEqual(nfts.map(plain))
  for (const [index, line] of nfts.entries()) if (!line.includes(' xt ')) expect(ours[index]).toBe(line)
  return packetsOf(events)
}

describe("the article's walk", () => {
  const icmp: TracedFlow = {
    family: 4,
    protocol: 1,
    source: { address: '192.168.45.3' },
    destination: { address: '192.168.1.15' },
  }

  test('out and back: forwarded, and the source translated at the end', () => {
    const [request, reply, ...more] = walk(icmp, () => expect(ping('myspace', '192.168.1.15')).toBe(0))
    expect(more).toEqual([])
    expect(waypoints(request as TracedPacket)).toEqual([
      'prerouting',
      'ttl 64 -> 63; forward',
      'postrouting; source 192.168.45.3 -> 192.168.1.32',
    ])
    expect(waypoints(reply as TracedPacket)).toEqual([
      'prerouting; destination 192.168.1.32 -> 192.168.45.3',
      'ttl 64 -> 63; forward',
      'postrouting',
    ])
    expect([request?.end, reply?.end]).toEqual([{ type: 'sent' }, { type: 'sent' }])
    expect(request?.hooks[1]?.input?.name).toBe('veth1')
    expect(request?.hooks[1]?.output?.name).toBe('eth0')
    const translating = request?.hooks[2]?.visits.findLast(({ type }) => type === 'nat')
    expect(translating).toMatchObject({
      table: 'natspace',
      owner: { program: 'natspace' },
      verdict: 'accept',
    })
    expect(translating?.rules.some(({ rule }) => rule?.text.includes('masquerade'))).toBe(true)
  })

  test('in to the published port: the destination translated at the beginning', () => {
    const flow: TracedFlow = { family: 4, protocol: 6, destination: { address: '192.168.1.32', port: 8080 } }
    using server = at(space, place => Socket.listen({ address: '192.168.45.3', port: 80 }, place))
    const [first] = walk(flow, () => {
      using client = at(host2, place => Socket.connect({ address: '192.168.1.32', port: 8080 }, 2000, place))
      using accepted = server.accept(2000)
      expect(accepted?.peer).toEqual(client.local)
    })
    expect(waypoints(first as TracedPacket)).toEqual([
      'prerouting; destination 192.168.1.32 -> 192.168.45.3; destinationPort 8080 -> 80',
      'ttl 64 -> 63; forward',
      'postrouting',
    ])
    const rules = first?.hooks[0]?.visits.flatMap(visit => visit.rules) ?? []
    expect(rules.some(({ rule }) => rule?.text.includes('dnat ip'))).toBe(true)
  })

  test('is seen in the space and in the other host at the same time', () => {
    const places = [undefined, space, host2]
    const watchers = places.map(where => TraceWatcher.open(kernel, where))
    const tables = places.map(where => TraceTable.open(kernel, where, { flows: [icmp] }))
    try {
      expect(ping('myspace', '192.168.1.15', '-e', '29610')).toBe(0)
      const seen = watchers.map(watcher =>
        packetsOf(watcher.read()).map(({ hooks, end }) => {
          const { source, destination, icmpId } = hooks.at(-1)?.left ?? {}
          return `${source} > ${destination}, id ${icmpId} ${end.type}`
        }),
      )
      // The article's captures at three points.
      expect(seen).toEqual([
        ['192.168.1.32 > 192.168.1.15, id 29610 sent', '192.168.1.15 > 192.168.45.3, id 29610 sent'],
        ['192.168.45.3 > 192.168.1.15, id 29610 sent', '192.168.1.15 > 192.168.45.3, id 29610 delivered'],
        ['192.168.1.32 > 192.168.1.15, id 29610 delivered', '192.168.1.15 > 192.168.1.32, id 29610 sent'],
      ])
    } finally {
      for (const item of [...tables, ...watchers]) item[Symbol.dispose]()
    }
  })

  test('does not mind that spaces come and go meanwhile, and they do not mind being watched', () => {
    const before = run('nft', ['list', 'ruleset'])
    {
      using watcher = TraceWatcher.open(kernel, undefined)
      using _table = TraceTable.open(kernel, undefined, { flows: [icmp] })
      run(executable, ['up', '-q', 'another'])
      expect(run(executable, ['status', 'myspace', '--json'])).toContain('"healthy":true')
      expect(ping('another', '192.168.1.15')).toBe(0)
      run(executable, ['down', '-q', 'another'])
      const packets = packetsOf(watcher.read())
      expect(packets.map(({ end }) => end.type)).toEqual(['sent', 'sent'])
      // They are looked up only now, when that space is gone.
      const rules = packets.flatMap(({ hooks }) =>
        hooks.flatMap(({ visits }) => visits.flatMap(visit => visit.rules)),
      )
      expect(rules.length).toBeGreaterThan(0)
    }
    const withoutCounters = (text: string) => text.replace(/packets \d+ bytes \d+/g, '')
    expect(withoutCounters(run('nft', ['list', 'ruleset']))).toBe(withoutCounters(before))
  })

  requireTool('iptables-nft')('ends on the policy of iptables, and goes on behind its rules', () => {
    run('iptables-nft', ['-P', 'FORWARD', 'DROP'])
    try {
      const [dropped, ...more] = walk(icmp, () => expect(ping('myspace', '192.168.1.15')).toBe(1))
      expect(more).toEqual([])
      expect(dropped?.end).toMatchObject({
        type: 'dropped',
        hook: 'forward',
        visit: {
          family: 'ip',
          table: 'filter',
          chain: 'FORWARD',
          decidedBy: 'policy',
          owner: { program: 'iptables' },
        },
      })
      // Step 9 of the article.
      run(
        'iptables-nft',
        '-A FORWARD -i eth0 -o veth1 -m conntrack --ctstate ESTABLISHED -j ACCEPT'.split(' '),
      )
      run('iptables-nft', '-A FORWARD -o eth0 -i veth1 -j ACCEPT'.split(' '))
      const [request, reply] = walk(icmp, () => expect(ping('myspace', '192.168.1.15')).toBe(0))
      const decider = (packet: TracedPacket | undefined) => {
        const visit = packet?.hooks[1]?.visits.find(
          ({ table, family }) => table === 'filter' && family === 'ip',
        )
        return visit?.decidedBy === 'policy' ? 'policy' : visit?.decidedBy?.rule?.text
      }
      expect(decider(request)).toBe('iifname "veth1" oifname "eth0" accept')
      expect(decider(reply)).toBe('iifname "eth0" oifname "veth1" ct state established accept')
    } finally {
      run('nft', ['delete', 'table', 'ip', 'filter'])
    }
  })
})

/** What we see of traced packets, beside what `nft monitor trace` prints of the same ones. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { packetsOf } from '../../src/insight/walk/packet-collector.ts'
import type { TracedPacket } from '../../src/insight/walk/steps.ts'
import { TraceWatcher } from '../../src/insight/walk/trace-events.ts'
import { removeLeftTraceTables, TraceTable, traceTableCommands } from '../../src/insight/walk/trace-table.ts'
import type { TracedFlow } from '../../src/insight/walk/traced-flow.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { Connection } from '../../src/linux/netlink/connection.ts'
import { commit, NETLINK_NETFILTER } from '../../src/linux/nftables/index.ts'
import { openDescriptors, openedSince, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { changeText, linesOf, nftLines, summary, traceBesideNft } from '../support/walk-monitor.ts'
import {
  inside,
  outside,
  ping,
  raiseStage,
  sendUdp,
  serve,
  strikeStage,
  until,
  visit,
} from '../support/walk-stage.ts'

requireSandbox()

const ruleset = `
table ip nat {
  chain PREROUTING {
    type nat hook prerouting priority dstnat
    tcp dport 8080 counter dnat to 10.31.0.2:80 comment "published"
  }
  chain POSTROUTING {
    type nat hook postrouting priority srcnat
    ip saddr 10.31.0.0/24 oifname walk1 masquerade
  }
}
table ip filter {
  chain DOCKER-USER {
    ip daddr 10.32.0.9 counter drop comment "blocked"
    counter return
  }
  chain FORWARD {
    type filter hook forward priority filter; policy drop
    jump DOCKER-USER
    udp dport 5353 accept
    ct state established,related accept
    meta l4proto vmap { icmp : accept, tcp : accept }
  }
}
table inet mangle {
  chain marks {
    type filter hook prerouting priority mangle
    iifname walk0 meta mark set 7
  }
  chain marks-again {
    type filter hook forward priority mangle
    ip6 hoplimit 63 counter
    meta mark 7 meta mark set 0
  }
}`

const kernel = new LinuxKernel()
const listing = () => run('nft', ['list', 'ruleset'])
beforeAll(() => raiseStage(ruleset))
afterAll(() => {
  kernel[Symbol.dispose]()
  strikeStage()
})

const trace = (flows: TracedFlow[], action: () => void, options?: { byConnection: boolean }) =>
  traceBesideNft(kernel, flows, action, options)
const traceIn = (where: string, flows: TracedFlow[], action: () => void): TracedPacket[] => {
  using watcher = TraceWatcher.open(kernel, where)
  using _table = TraceTable.open(kernel, where, { flows })
  action()
  return packetsOf(watcher.read())
}

describe('a traced ping', () => {
  const flow: TracedFlow = {
    family: 4,
    protocol: 1,
    source: { address: '10.31.0.2' },
    destination: { address: '10.32.0.2' },
  }

  test('is seen at every hook, out and back, with each address before and after', () => {
    const { events, monitor } = trace([flow], () => expect(ping('walk-inside', '10.32.0.2')).toBe(0))
    expect(linesOf(events)).toEqual(nftLines(monitor))
    const packets = packetsOf(events)
    expect(packets.map(summary)).toEqual([
      [
        'prerouting:',
        'mangle mangle: iifname "walk0" meta mark set 0x00000007 -> accept',
        'mark 0 -> 7',
        'dstnat nat:  -> accept',
        'ttl 64 -> 63',
        'forward:',
        'mangle mangle: meta mark 0x00000007 meta mark set 0x00000000 -> accept',
        'mark 7 -> 0',
        'filter filter: jump DOCKER-USER; return; meta l4proto vmap { icmp : accept, tcp : accept } -> accept',
        'postrouting:',
        'srcnat nat: ip saddr 10.31.0.0/24 oifname "walk1" masquerade -> accept',
        'source 10.31.0.2 -> 10.32.0.1',
        'sent',
      ],
      [
        'prerouting:',
        'mangle mangle:  -> accept',
        'destination 10.32.0.1 -> 10.31.0.2',
        'ttl 64 -> 63',
        'forward:',
        'mangle mangle:  -> accept',
        'filter filter: jump DOCKER-USER; return; ct state established,related accept -> accept',
        'postrouting:',
        'sent',
      ],
    ])
  })
  test('is seen inside the namespaces of both ends, with interfaces and the identifier of its query', () => {
    const inner = traceIn(inside, [flow], () =>
      expect(ping('walk-inside', '10.32.0.2', '-e', '4711')).toBe(0),
    )
    expect(inner.map(({ hooks, end }) => [hooks.map(({ hook }) => hook), end.type])).toEqual([
      [['output', 'postrouting'], 'sent'],
      [['prerouting', 'input'], 'delivered'],
    ])
    expect(inner[0]?.hooks[1]?.output).toEqual({ index: expect.any(Number), name: 'eth0' })
    expect(inner[1]?.hooks[0]?.input?.name).toBe('eth0')
    expect(inner[1]?.hooks[0]?.arrived).toMatchObject({
      family: 4,
      source: '10.32.0.2',
      destination: '10.31.0.2',
      protocol: 1,
      icmpType: 0,
      icmpId: 4711,
      icmpSequence: 1,
      ttl: 63,
      length: 84,
    })
    // Outside it comes from this host, so only the far end tells it.
    const outer = traceIn(outside, [flow], () => ping('walk-inside', '10.32.0.2'))
    expect(outer.map(({ hooks }) => hooks[0]?.arrived?.source)).toEqual(['10.32.0.1', '10.32.0.2'])
  })

  test('of IPv6 is seen likewise', () => {
    const flow6: TracedFlow = { family: 6, protocol: 58, destination: { address: 'fd32::2' } }
    const { events, monitor } = trace([flow6], () => expect(ping('walk-inside', 'fd32::2')).toBe(0))
    expect(linesOf(events)).toEqual(nftLines(monitor))
    const [request, reply, ...more] = packetsOf(events)
    expect(more).toEqual([])
    expect(request?.end).toEqual({ type: 'sent' })
    expect(request?.hooks[1]?.visits[0]?.rules[0]?.rule?.text).toBe('ip6 hoplimit 63')
    expect(request?.hooks[0]?.arrived).toMatchObject({
      family: 6,
      source: 'fd31::2',
      icmpType: 128,
      length: 104,
    })
    expect(reply?.hooks[0]?.arrived).toMatchObject({ source: 'fd32::2', icmpType: 129, icmpSequence: 1 })
  })
})

describe('an error about a flow', () => {
  test('is seen on its way back, although it is of another protocol', () => {
    const flow: TracedFlow = {
      family: 4,
      protocol: 17,
      source: { address: '10.31.0.2' },
      destination: { address: '10.32.0.2', port: 5353 },
    }
    const { events, monitor } = trace([flow], () => {
      sendUdp('10.32.0.2', 5353)
    })
    expect(linesOf(events)).toEqual(nftLines(monitor))
    const [sent, error, ...more] = packetsOf(events)
    expect(more).toEqual([])
    expect(sent?.end).toEqual({ type: 'sent' })
    expect(error?.hooks[0]?.arrived).toMatchObject({
      source: '10.32.0.2',
      protocol: 1,
      icmpType: 3,
      icmpCode: 3,
    })
    expect(error?.hooks.at(-1)?.left?.destination).toBe('10.31.0.2')
    // Linux 6.16 and later say what connection tracking makes of it.
    if (error?.hooks[0]?.connection !== undefined) expect(error.hooks[0].connection.state).toBe('related')
  })
})

describe('a packet that is stopped', () => {
  const stopped = (flow: TracedFlow, action: () => void): TracedPacket => {
    const { events, monitor } = trace([flow], action)
    expect(linesOf(events)).toEqual(nftLines(monitor))
    const [packet, ...more] = packetsOf(events)
    expect(more).toEqual([])
    return packet as TracedPacket
  }

  test("by a foreign chain's policy ends on that policy", () => {
    const { end, hooks } = stopped(
      { family: 4, protocol: 17, destination: { address: '10.32.0.2', port: 9 } },
      () => sendUdp('10.32.0.2', 9),
    )
    expect(end).toMatchObject({
      type: 'dropped',
      hook: 'forward',
      visit: {
        table: 'filter',
        chain: 'FORWARD',
        verdict: 'drop',
        decidedBy: 'policy',
        owner: { program: 'docker' },
      },
    })
    expect(hooks.at(-1)?.left).toBeUndefined()
  })

  test('by a rule behind a jump ends on that rule, with its owner and its comment', () => {
    const { end } = stopped({ family: 4, protocol: 1, destination: { address: '10.32.0.9' } }, () => {
      expect(ping('walk-inside', '10.32.0.9')).toBe(1)
    })
    expect(end).toMatchObject({
      type: 'dropped',
      hook: 'forward',
      visit: {
        chain: 'FORWARD',
        decidedBy: {
          chain: 'DOCKER-USER',
          rule: {
            index: 0,
            text: 'ip daddr 10.32.0.9 drop comment "blocked"',
            comment: 'blocked',
            owner: { program: 'docker' },
          },
        },
      },
    })
  })

  test('by the link that it would leave by ends there, behind postrouting', () => {
    run(
      'nft',
      ['-f', '-'],
      'table netdev walk {\n chain out {\n type filter hook egress device "walk1" priority 0\n icmp type echo-request drop\n }\n}\n',
    )
    try {
      const flow: TracedFlow = { family: 4, protocol: 1, destination: { address: '10.32.0.2' } }
      const { end, hooks } = stopped(flow, () => expect(ping('walk-inside', '10.32.0.2')).toBe(1))
      expect(hooks.map(({ hook }) => hook)).toEqual(['prerouting', 'forward', 'postrouting', 'egress'])
      expect(end).toMatchObject({
        type: 'dropped',
        hook: 'egress',
        visit: { family: 'netdev', table: 'walk' },
      })
    } finally {
      run('nft', ['delete', 'table', 'netdev', 'walk'])
    }
  })

  test('by the host, which does not forward, vanishes behind prerouting', () => {
    run('sh', ['-c', 'echo 0 >/proc/sys/net/ipv4/conf/walk0/forwarding'])
    try {
      const flow: TracedFlow = { family: 4, protocol: 1, destination: { address: '10.32.0.2' } }
      const { end } = stopped(flow, () => expect(ping('walk-inside', '10.32.0.2')).toBe(1))
      expect(end).toEqual({ type: 'vanished', behind: 'prerouting' })
    } finally {
      run('sh', ['-c', 'echo 1 >/proc/sys/net/ipv4/conf/walk0/forwarding'])
    }
  })
})

describe('a TCP connection', () => {
  test('to a published port is translated in both directions', () => {
    using server = serve()
    const flow: TracedFlow = { family: 4, protocol: 6, destination: { address: '10.32.0.1', port: 8080 } }
    const { events, monitor } = trace([flow], () => {
      using client = visit()
      using accepted = server.accept(2000)
      expect(accepted?.peer.port).toBe(client.local.port)
    })
    expect(linesOf(events)).toEqual(nftLines(monitor))
    const packets = packetsOf(events)
    const [first] = packets
    expect(first?.hooks[0]?.changes.map(changeText)).toEqual([
      'destination 10.32.0.1 -> 10.31.0.2',
      'destinationPort 8080 -> 80',
    ])
    expect(first?.hooks[0]?.visits.at(-1)?.rules[0]?.rule?.text).toBe(
      'tcp dport 8080 dnat to 10.31.0.2:80 comment "published"',
    )
    expect(first?.hooks[0]?.connection).toMatchObject({ direction: 'original', state: 'new' })
    // Answers bear neither end of the flow when they come in.
    expect(packets.filter(({ hooks }) => hooks[0]?.input?.name === 'walk0')).toEqual([])
  })

  test('is followed back by its connection', () => {
    using server = serve()
    const flow: TracedFlow = { family: 4, protocol: 6, destination: { address: '10.32.0.1', port: 8080 } }
    using watcher = TraceWatcher.open(kernel, undefined)
    using _table = TraceTable.open(kernel, undefined, { flows: [flow], byConnection: true })
    using client = visit()
    using accepted = server.accept(2000)
    expect(accepted?.peer.port).toBe(client.local.port)
    watcher.read()
    accepted?.send(new TextEncoder().encode('hello'))
    expect(client.receive(2000)?.bytes.length).toBe(5)
    const answer = packetsOf(watcher.read()).find(({ hooks }) => hooks[0]?.input?.name === 'walk0')
    expect(answer?.hooks.map(({ changes }) => changes.map(changeText))).toEqual([
      ['mark 0 -> 7'],
      ['mark 7 -> 0'],
      ['source 10.31.0.2 -> 10.32.0.1', 'sourcePort 80 -> 8080'],
    ])
    // PSH and ACK.
    expect(answer?.hooks[0]?.arrived?.tcpFlags).toBe(0x18)
    expect(answer?.end).toEqual({ type: 'sent' })
  })
})

describe('a connection of which neither end is what it was', () => {
  const flow: TracedFlow = {
    family: 4,
    protocol: 6,
    source: { address: '10.32.0.2' },
    destination: { address: '10.32.0.1', port: 8080 },
  }

  test('is recognised behind connection tracking, once for each packet', () => {
    run('nft', ['add', 'rule', 'ip', 'nat', 'POSTROUTING', 'oifname', 'walk0', 'masquerade'])
    using server = serve()
    const client = trace(
      [flow],
      () => {
        using client = visit()
        using accepted = server.accept(2000)
        expect(accepted?.peer.address).toBe('10.31.0.1')
        expect(client.local.address).toBe('10.32.0.2')
      },
      { byConnection: true },
    )
    run('sh', [
      '-c',
      "nft -a list chain ip nat POSTROUTING | sed -n 's/.*walk0.*handle /delete rule ip nat POSTROUTING handle /p' | nft -f -",
    ])
    expect(linesOf(client.events)).toEqual(nftLines(client.monitor))
    const packets = packetsOf(client.events)
    const [request, answer] = packets
    expect(request?.hooks.flatMap(({ changes }) => changes.map(changeText))).toContain(
      'destination 10.32.0.1 -> 10.31.0.2',
    )
    expect(answer?.hooks.map(({ hook }) => hook)).toEqual(['prerouting', 'forward', 'postrouting'])
    expect(answer?.hooks.flatMap(({ changes }) => changes.map(changeText))).toEqual(
      expect.arrayContaining(['destination 10.31.0.1 -> 10.32.0.2', 'source 10.31.0.2 -> 10.32.0.1']),
    )
    // Each packet begins once, although its connection is recognised as well.
    for (const { hooks, hasGap, end } of packets)
      expect([hooks.length, hasGap, end.type]).toEqual([3, false, 'sent'])
  })

  test('is no other to whoever traces beside it', () => {
    using watcher = TraceWatcher.open(kernel, undefined)
    using _one = TraceTable.open(kernel, undefined, { flows: [flow], byConnection: true })
    using _other = TraceTable.open(kernel, undefined, { flows: [flow], byConnection: true })
    using _third = TraceTable.open(kernel, undefined, { flows: [{ family: 4 }] })
    using server = serve()
    using client = visit()
    using accepted = server.accept(2000)
    expect(accepted?.peer.port).toBe(client.local.port)
    const packets = packetsOf(watcher.read())
    expect(packets.length).toBeGreaterThan(2)
    for (const { hooks, hasGap, end } of packets)
      expect([hooks.length, hasGap, end.type]).toEqual([3, false, 'sent'])
  })
})

describe('the tracing table', () => {
  const rate = { ends: 300, beginnings: 200, others: 100 }
  const flows: TracedFlow[] = [
    { family: 4, protocol: 6, source: { address: '10.31.0.2', port: 4000 }, destination: { port: 80 } },
    { family: 6, protocol: 17, destination: { address: 'fd32::2', port: 53 } },
    { family: 4 },
  ]

  test('is gone when it is disposed of, and leaves no descriptor and no rule', () => {
    const before = listing()
    {
      using table = TraceTable.open(kernel, undefined, { flows, rate })
      using other = TraceTable.open(kernel, undefined, { flows })
      expect(table.isOwned).toBe(true)
      expect(listing()).toContain(`table inet ${table.name} {`)
      expect(listing()).toContain(`table inet ${other.name} {`)
      // Nobody else can take it away, and what takes everything away passes it over.
      expect(tryRun('nft', ['delete', 'table', 'inet', table.name]).status).toBe(1)
    }
    expect(listing()).toBe(before)
    const open = () => {
      for (const where of [undefined, inside]) {
        TraceTable.open(kernel, where, { flows })[Symbol.dispose]()
        TraceWatcher.open(kernel, where)[Symbol.dispose]()
      }
    }
    // The kernel's own sockets, one for each namespace, stay open.
    open()
    const descriptors = openDescriptors()
    open()
    expect(openedSince(descriptors)).toEqual([])
  })

  test('does not mind another one that traces the same packets', () => {
    const flow: TracedFlow = { family: 4, protocol: 1, destination: { address: '10.32.0.2' } }
    using watcher = TraceWatcher.open(kernel, undefined)
    using _one = TraceTable.open(kernel, undefined, { flows: [flow] })
    using _other = TraceTable.open(kernel, undefined, { flows: [flow] })
    for (let count = 0; count < 3; count++) expect(ping('walk-inside', '10.32.0.2')).toBe(0)
    const packets = packetsOf(watcher.read())
    expect(packets.map(({ hooks, end }) => [hooks.length, end.type])).toEqual(Array(6).fill([3, 'sent']))
  })

  test('is gone after kill -9, here and in a space', () => {
    const rulesets = () => [listing(), run('ip', ['netns', 'exec', 'walk-inside', 'nft', 'list', 'ruleset'])]
    const before = rulesets()
    const source = join(import.meta.dirname, '../../src')
    const program = `
      import { LinuxKernel } from '${source}/linux/linux.ts'
      import { TraceTable } from '${source}/insight/walk/trace-table.ts'
      const flows = [{ family: 4, protocol: 1, destination: { address: '10.32.0.2' } }]
      const kernel = new LinuxKernel()
      globalThis.kept = [undefined, '${inside}'].map(where => TraceTable.open(kernel, where, { flows }))
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['-e', program], { stdio: 'ignore' })
    const has = (text: string) => text.includes(`natspace-trace-${child.pid}-`)
    until('the tables of another process', () => rulesets().every(has))
    child.kill('SIGKILL')
    until('its end', () => !rulesets().some(has))
    expect(rulesets()).toEqual(before)
  })

  test('without an owner is removed at the next start, unless its process lives', () => {
    using connection = Connection.open(NETLINK_NETFILTER)
    const before = listing()
    const { pid } = spawnSync('true')
    const living = `natspace-trace-${process.pid}-999`
    for (const name of [`natspace-trace-${pid}-1`, living])
      commit(connection, traceTableCommands(name, { flows }, false))
    expect(removeLeftTraceTables(kernel, undefined)).toEqual([`natspace-trace-${pid}-1`])
    run('nft', ['delete', 'table', 'inet', living])
    expect(listing()).toBe(before)
  })

  test('can be read back by nft as it stands', () => {
    // nft prints ports of a connection without their type, and cannot read that back.
    const ends: TracedFlow = { family: 4, protocol: 6, source: { address: '10.31.0.2' } }
    for (const [options, condition] of [
      [{ flows, rate }, 'meta nfproto ipv4 goto traced'],
      [{ flows: [ends], rate, byConnection: true }, 'ct protocol tcp ct reply ip daddr 10.31.0.2'],
    ] as const) {
      using table = TraceTable.open(kernel, undefined, options)
      const text = run('nft', ['list', 'table', 'inet', table.name]).replaceAll(table.name, 'copy')
      run('nft', ['-c', '-f', '-'], text)
      expect(text).toContain('limit rate 100/second burst 100 packets meta nftrace set 1 return')
      expect(text).toContain(condition)
      expect(text.includes('priority -199')).toBe('byConnection' in options)
    }
  })
})

describe('events that come faster than they are read', () => {
  test('are told as lost, and no packet that lacks some passes for whole', () => {
    const flow: TracedFlow = { family: 4, protocol: 17, destination: { address: '10.32.0.2' } }
    using watcher = TraceWatcher.open(kernel, undefined)
    using _table = TraceTable.open(kernel, undefined, { flows: [flow] })
    for (let port = 1; port <= 3000; port++) sendUdp('10.32.0.2', port)
    const events = watcher.read()
    const gap = events.findIndex(({ type }) => type === 'lost')
    expect(gap).toBeGreaterThan(0)
    const packets = packetsOf(events)
    expect(packets.length).toBeGreaterThan(50)
    for (const { end, hasGap } of packets) expect(end.type).toBe(hasGap ? 'unknown' : 'dropped')
    expect(packets.some(({ hasGap }) => hasGap)).toBe(true)
    // Afterwards all is seen again.
    sendUdp('10.32.0.2', 4)
    expect(packetsOf(watcher.read()).map(({ end }) => end.type)).toEqual(['dropped'])
  })
})

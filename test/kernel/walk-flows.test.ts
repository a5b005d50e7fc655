/** What connection tracking and routing tell of a walk, beside conntrack(8) and ip(8). */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { FlowWatcher } from '../../src/insight/walk/conntrack-entry.ts'
import { tupleOfHeader } from '../../src/insight/walk/flow-sight.ts'
import { legacyTables } from '../../src/insight/walk/legacy-tables.ts'
import { packetsOf } from '../../src/insight/walk/packet-collector.ts'
import {
  decideRoute,
  inboundDecisions,
  outboundDecisions,
  type WayDecision,
} from '../../src/insight/walk/route-decisions.ts'
import { TraceWatcher } from '../../src/insight/walk/trace-events.ts'
import { TraceTable } from '../../src/insight/walk/trace-table.ts'
import type { TracedFlow } from '../../src/insight/walk/traced-flow.ts'
import { type Flow, type FlowTuple, flowText } from '../../src/linux/conntrack/index.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { ip, openDescriptors, openedSince, requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import { inside, ping, raiseStage, sendUdp, serve, strikeStage, visit } from '../support/walk-stage.ts'

requireSandbox()

const ruleset = `
table ip nat {
  chain PREROUTING {
    type nat hook prerouting priority dstnat
    tcp dport 8080 dnat to 10.31.0.2:80
  }
  chain POSTROUTING {
    type nat hook postrouting priority srcnat
    ip saddr 10.31.0.0/24 oifname walk1 masquerade
  }
}
table ip filter {
  chain FORWARD {
    type filter hook forward priority filter
    udp dport 9 drop
  }
}`

const kernel = new LinuxKernel()
beforeAll(() => raiseStage(ruleset))
afterAll(() => {
  kernel[Symbol.dispose]()
  strikeStage()
})

const index = (name: string, where?: string): number => {
  const link = kernel.links(where).find(item => item.name === name)
  if (link === undefined) throw new Error(`there is no ${name}`)
  return link.index
}

describe('the flow of a ping', () => {
  const traced: TracedFlow = { family: 4, protocol: 1, destination: { address: '10.32.0.2' } }

  test('has both tuples, its translation, and the packets that were traced', () => {
    using watcher = TraceWatcher.open(kernel, undefined)
    using flows = FlowWatcher.open(kernel, undefined, [traced])
    using _table = TraceTable.open(kernel, undefined, { flows: [traced] })
    expect(ping('walk-inside', '10.32.0.2', '-e', '77')).toBe(0)
    expect(flows.read().map(news => news.type)).toEqual(['new', 'update'])
    const [entry, ...more] = flows.entries
    expect(more).toEqual([])
    expect(entry?.translations).toEqual([{ field: 'source', before: '10.31.0.2', after: '10.32.0.1' }])
    expect(entry?.isPresent).toBe(true)
    const found = packetsOf(watcher.read()).flatMap(({ hooks }) =>
      hooks.flatMap(({ hook, arrived, left, connection }) =>
        [arrived, left].map((header, place) => {
          const tuple = header && tupleOfHeader(header)
          const known = tuple && flows.find(tuple)
          // The kernel's number of the connection, where it tells one, leads to the same flow.
          if (connection?.id !== undefined) expect(flows.byId(connection.id)).toBe(known?.entry)
          return [hook, place === 0 ? 'arrived' : 'left', known?.sight.direction, known?.sight.side].join(' ')
        }),
      ),
    )
    expect(found).toEqual([
      'prerouting arrived original before',
      'prerouting left original before',
      'forward arrived original before',
      'forward left original before',
      'postrouting arrived original before',
      'postrouting left original after',
      'prerouting arrived reply before',
      'prerouting left reply after',
      'forward arrived reply after',
      'forward left reply after',
      'postrouting arrived reply after',
      'postrouting left reply after',
    ])
  })

  test('whose identifier another one has already shows the identifier that it got instead', () => {
    ip('address add 10.31.0.3/24 dev walk0')
    ip('-n walk-inside address add 10.31.0.4/24 dev eth0')
    using flows = FlowWatcher.open(kernel, undefined, [traced])
    for (const source of ['10.31.0.2', '10.31.0.4'])
      expect(ping('walk-inside', '10.32.0.2', '-e', '4242', '-I', source)).toBe(0)
    flows.read()
    const both = flows.entries.filter(({ flow }) => flow.original.icmp?.id === 4242)
    expect(both.map(({ translations }) => translations.map(({ field }) => field))).toEqual([
      ['source'],
      ['source', 'icmpId'],
    ])
    const changed = both[1]?.translations[1]
    expect(changed?.before).toBe(4242)
    expect(changed?.after).toBe(both[1]?.flow.reply.icmp?.id as number)
    expect(changed?.after).not.toBe(4242)
  })

  test('that is dropped has none, and one that ends is told', () => {
    using flows = FlowWatcher.open(kernel, undefined, [
      { family: 4, protocol: 17, source: { address: '10.31.0.2' } },
    ])
    sendUdp('10.32.0.2', 9)
    expect(flows.read()).toEqual([])
    sendUdp('10.32.0.2', 10)
    expect(flows.read().map(({ type }) => type)).toContain('new')
    const [entry] = flows.entries
    run('conntrack', ['-D', '-p', 'udp', '--orig-port-dst', '10'])
    expect(flows.read().map(({ type }) => type)).toContain('destroy')
    expect(flows.find(entry?.flow.original as FlowTuple)?.entry.isPresent).toBe(false)
  })
})

describe('the flow of a connection to a published port', () => {
  const traced: TracedFlow = { family: 4, protocol: 6, destination: { address: '10.32.0.1', port: 8080 } }
  const once = () => {
    using server = serve()
    using client = visit()
    using accepted = server.accept(2000)
    expect(accepted?.peer.address).toBe('10.32.0.2')
    using flows = FlowWatcher.open(kernel, undefined, [traced])
    const port = client.local.port
    const entry = flows.entries.find(({ flow }) => flow.original.sourcePort === port)
    expect(entry?.translations).toEqual([
      { field: 'destination', before: '10.32.0.1', after: '10.31.0.2' },
      { field: 'destinationPort', before: 8080, after: 80 },
    ])
    const listed = run('conntrack', ['-L', '-p', 'tcp', '--sport', `${port}`])
    const withoutTime = (text: string) => text.replace(/\s+\d+ ESTABLISHED/, ' ESTABLISHED').trim()
    expect(withoutTime(flowText(entry?.flow as Flow))).toBe(withoutTime(listed))
    expect(flows.find({ ...(entry?.flow.reply as FlowTuple), sourcePort: 81 })).toBeUndefined()
  }

  requireTool('conntrack')('is the one that conntrack(8) lists, although it began before', () => {
    once()
  })

  test('leaves no descriptor open', () => {
    const open = () => {
      for (const where of [undefined, inside]) FlowWatcher.open(kernel, where, [traced])[Symbol.dispose]()
    }
    // The kernel's own sockets, one for each namespace, stay open.
    open()
    const descriptors = openDescriptors()
    open()
    expect(openedSince(descriptors)).toEqual([])
  })
})

describe('the routing look-ups', () => {
  const summary = (decisions: readonly WayDecision[]) =>
    decisions.map(({ at, decision }) =>
      decision.found
        ? [
            at,
            decision.type,
            decision.tableName,
            decision.gateway ?? '-',
            decision.device?.name,
            decision.route?.destination,
            decision.rule.rule?.priority ?? decision.rule,
          ].join(' ')
        : `${at} ${decision.code}`,
    )
  const way = () => ({
    space: inside,
    host: undefined,
    innerIndex: index('eth0', inside),
    hostIndex: index('walk0'),
    uplinkIndex: index('walk1'),
  })
  const out: FlowTuple = {
    source: '10.31.0.2',
    destination: '10.32.0.2',
    protocol: 17,
    sourcePort: 5,
    destinationPort: 6,
  }

  test('of a flow from inside are out, through, back and in', () => {
    const reply = {
      source: '10.32.0.2',
      destination: '10.32.0.1',
      protocol: 17,
      sourcePort: 6,
      destinationPort: 5,
    }
    const { uplinkIndex: _, ...unknownUplink } = way()
    expect(summary(outboundDecisions(kernel, unknownUplink, out, reply))).toEqual([
      'space-output unicast main 10.31.0.1 eth0 0.0.0.0/0 32766',
      'host-forward unicast main - walk1 10.32.0.0/24 32766',
      'host-forward-reply unicast main - walk0 10.31.0.0/24 32766',
      'space-delivery local local - lo 10.31.0.2/32 0',
    ])
  })

  test('of a flow from outside likewise, behind the translation', () => {
    const original = {
      source: '10.32.0.2',
      destination: '10.32.0.1',
      protocol: 6,
      sourcePort: 5,
      destinationPort: 8080,
    }
    const reply = {
      source: '10.31.0.2',
      destination: '10.32.0.2',
      protocol: 6,
      sourcePort: 80,
      destinationPort: 5,
    }
    expect(summary(inboundDecisions(kernel, way(), original, reply))).toEqual([
      'host-forward unicast main - walk0 10.31.0.0/24 32766',
      'space-delivery local local - lo 10.31.0.2/32 0',
      'space-output unicast main 10.31.0.1 eth0 0.0.0.0/0 32766',
      'host-forward-reply unicast main - walk1 10.32.0.0/24 32766',
    ])
  })

  test('of IPv6 too', () => {
    const flow = { ...out, source: 'fd31::2', destination: 'fd32::2' }
    expect(summary(outboundDecisions(kernel, way(), flow))).toEqual([
      'space-output unicast main fd31::1 eth0 ::/0 32766',
      'host-forward unicast main - walk1 fd32::/64 32766',
      'host-forward-reply unicast main - walk0 fd31::/64 32766',
      'space-delivery local local - lo fd31::2/128 0',
    ])
  })

  test('tell the rule of policy routing that applies, and when they cannot', () => {
    ip('rule add from 10.31.0.0/24 iif walk0 lookup 77 priority 100')
    ip('rule add from 10.31.0.0/24 to 10.99.0.0/16 lookup 77 priority 101')
    ip('route add 10.98.0.0/16 via 10.32.0.2 table 77')
    ip('route add 10.99.0.0/16 via 10.32.0.2 table 77')
    const ask = (destination: string, source?: string, inputIndex?: number) =>
      decideRoute(kernel, undefined, { destination, source, inputIndex })
    try {
      const forwarded = ask('10.98.0.1', '10.31.0.2', index('walk0'))
      expect(forwarded).toMatchObject({
        found: true,
        tableName: '77',
        gateway: '10.32.0.2',
        route: { destination: '10.98.0.0/16' },
        rule: { rule: { priority: 100 } },
      })
      expect(run('ip', 'route get 10.98.0.1 from 10.31.0.2 iif walk0'.split(' '))).toContain('via 10.32.0.2')
      ip('rule del priority 100')
      ip('rule add from 10.31.0.0/24 ipproto tcp lookup 77 priority 100')
      expect(ask('10.99.0.1', '10.31.0.2', index('walk0'))).toMatchObject({
        found: true,
        tableName: '77',
        rule: {
          rule: undefined,
          why: 'rules ask for what is not known here: ipproto',
          candidates: [{ priority: 100 }, { priority: 101 }],
        },
      })
      expect(ask('10.98.0.1', '10.31.0.2', index('walk0'))).toMatchObject({ found: false })
    } finally {
      run('sh', ['-c', 'ip rule del priority 100; ip rule del priority 101; ip route flush table 77'])
    }
  })

  test('say that there is no route, and that this host does not forward', () => {
    expect(decideRoute(kernel, undefined, { destination: '192.0.2.1' })).toMatchObject({
      found: false,
      code: 'ENETUNREACH',
    })
    run('sh', ['-c', 'echo 0 >/proc/sys/net/ipv4/conf/walk0/forwarding'])
    try {
      const [, forward] = outboundDecisions(kernel, way(), out)
      expect(forward?.decision).toMatchObject({ found: false, code: 'EHOSTUNREACH' })
    } finally {
      run('sh', ['-c', 'echo 1 >/proc/sys/net/ipv4/conf/walk0/forwarding'])
    }
  })
})

describe('iptables-legacy', () => {
  requireTool('iptables-legacy')('is seen where it has tables, and asking loads none', () => {
    const none = legacyTables(inside)
    expect(none).toEqual(legacyTables(inside))
    expect(none[4]).toEqual([])
    run('ip', ['netns', 'exec', 'walk-inside', 'iptables-legacy', '-A', 'FORWARD', '-j', 'ACCEPT'])
    expect(legacyTables(inside)[4]).toEqual(['filter'])
    // In a namespace as old as its user namespace the kernel lets nobody read them.
    const own = legacyTables(undefined)[4]
    if (own !== 'unreadable') expect(own).toEqual([])
  })
})

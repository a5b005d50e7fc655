/** Flows of the article's space, followed while they are made: out, in, and what becomes of them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { statePathsOf } from '../../src/cli/environment.ts'
import {
  FlowFollower,
  type FollowedFlow,
  type FollowOptions,
} from '../../src/insight/follow/flow-follower.ts'
import { observeFlows } from '../../src/insight/follow/observe-flows.ts'
import type { Story } from '../../src/insight/trace/story.ts'
import type { FlowTuple } from '../../src/linux/conntrack/index.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { compileFilter } from '../../src/linux/packet/index.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import type { ResolvedSpace } from '../../src/space/spec/types.ts'
import { readSpaceRecord } from '../../src/space/state/records.ts'
import { openDescriptors, requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import { linesById, monitored, nftLinesById } from '../support/walk-monitor.ts'
import { at, ping, until } from '../support/walk-stage.ts'

requireSandbox()

const executable = join(import.meta.dirname, '../../dist/natspace')
const inside = '/run/netns/myspace'
const host2 = '/run/netns/follow-host2'
const kernel = new LinuxKernel()

beforeAll(() => {
  if (!existsSync(executable)) throw new Error('dist/natspace is missing: npm run build')
  run('sh', [
    '-c',
    `set -e
    ip link set lo up
    ip netns add follow-host2
    ip link add eth0 type veth peer name eth0 netns follow-host2
    ip address add 192.168.1.32/24 dev eth0; ip link set eth0 up
    ip -n follow-host2 link set lo up
    ip -n follow-host2 address add 192.168.1.15/24 dev eth0; ip -n follow-host2 link set eth0 up
    ip route add default via 192.168.1.1
    ${executable} up -q myspace --gateway 192.168.45.2/24 --address 192.168.45.3 --host-interface veth1 \
      --interface veth2 --uplink eth0 -p 8080:80 -p 5353:53/udp`,
  ])
})
afterAll(() => {
  kernel[Symbol.dispose]()
  run('sh', ['-c', `${executable} down -q myspace; ip netns del follow-host2; ip link del eth0; true`])
})

const space = (): ResolvedSpace => {
  const record = readSpaceRecord(kernel, statePathsOf(process.env), 'myspace')
  if (record === undefined) throw new Error('there is no space')
  return record.space
}

const follow = (action: () => void, options: Partial<FollowOptions> = {}): Promise<FollowedFlow[]> =>
  observeFlows(kernel, space(), { timeout: 500, ...options }, async () => action())

/** Connects, and returns what went wrong. */
const connect = (where: string | undefined, address: string, port: number, milliseconds = 3000): string => {
  try {
    const open = (place?: { namespace: number }) => Socket.connect({ address, port }, milliseconds, place)
    using _socket = where === undefined ? open() : at(where, open)
    return 'connected'
  } catch (error) {
    if (error instanceof SystemError) return error.code
    throw error
  }
}

const rules = (text: string, where?: string) =>
  where === undefined
    ? run('nft', ['-f', '-'], text)
    : run('ip', ['netns', 'exec', where, 'nft', '-f', '-'], text)
const flush = () =>
  run('sh', [
    '-c',
    'for in in "" "ip netns exec myspace"; do $in nft delete table inet mine; $in nft delete table ip mine; done 2>/dev/null; true',
  ])

const headers = (story: Story, packet: 'request' | 'reply'): string[] =>
  story.points.map(({ point, [packet]: sighting }) => {
    const { source, destination } = sighting?.header ?? {}
    return `${point} ${sighting === undefined ? '-' : `${source} > ${destination}`}`
  })
const ends = (flows: readonly FollowedFlow[]) =>
  flows.map(({ story }) => `${story.direction} ${story.protocol} ${story.end.outcome}`)

describe('flows from the space', () => {
  test('are told with their three points, each once', async () => {
    const flows = await follow(() => {
      expect(ping('myspace', '192.168.1.15', '-c', '3', '-i', '0.01')).toBe(0)
      expect(connect(inside, '192.168.1.15', 81)).toBe('ECONNREFUSED')
    })
    expect(ends(flows)).toEqual(['out icmp answered', 'out tcp refused'])
    const [echo] = flows
    expect(headers(echo?.story as Story, 'request')).toEqual([
      'inside 192.168.45.3 > 192.168.1.15',
      'cable 192.168.45.3 > 192.168.1.15',
      'uplink 192.168.1.32 > 192.168.1.15',
    ])
    expect(headers(echo?.story as Story, 'reply')).toEqual([
      'inside 192.168.1.15 > 192.168.45.3',
      'cable 192.168.1.15 > 192.168.45.3',
      'uplink 192.168.1.15 > 192.168.1.32',
    ])
    expect(echo?.story).toMatchObject({ isOld: false, notes: [] })
  })

  test('that the space itself translates are one flow still', async () => {
    const table =
      'chain out { type nat hook output priority -100; ip daddr 203.0.113.5 dnat to 192.168.1.15; }'
    rules(`table ip mine { ${table}; }`, 'myspace')
    try {
      const flows = await follow(() => expect(connect(inside, '203.0.113.5', 81)).toBe('ECONNREFUSED'))
      expect(ends(flows)).toEqual(['out tcp refused'])
      const story = flows[0]?.story as Story
      expect(story.tuple.destination).toBe('203.0.113.5')
      expect(headers(story, 'request')).toEqual([
        'inside 192.168.45.3 > 192.168.1.15',
        'cable 192.168.45.3 > 192.168.1.15',
        'uplink 192.168.1.32 > 192.168.1.15',
      ])
      expect(story.end.reason).toContain('refused the connection by a reset')
    } finally {
      flush()
    }
  })
})

describe('flows to the space', () => {
  test('by its published port, from another host', async () => {
    using server = at(inside, place => Socket.listen({ address: '192.168.45.3', port: 80 }, place))
    const flows = await follow(() => {
      expect(connect(host2, '192.168.1.32', 8080)).toBe('connected')
      using _accepted = server.accept(1000)
    })
    expect(ends(flows)).toEqual(['in tcp answered'])
    const story = flows[0]?.story as Story
    expect(headers(story, 'request')).toEqual([
      'inside 192.168.1.15 > 192.168.45.3',
      'cable 192.168.1.15 > 192.168.45.3',
      'uplink 192.168.1.15 > 192.168.1.32',
    ])
    expect(headers(story, 'reply')).toEqual([
      'inside 192.168.45.3 > 192.168.1.15',
      'cable 192.168.45.3 > 192.168.1.15',
      'uplink 192.168.1.32 > 192.168.1.15',
    ])
    expect(story.end.reason).toMatch(/^myspace accepted the connection to its port 80( after|$)/)
  })

  test('from the host itself, from the space itself, and none that its host publishes not', async () => {
    using server = at(inside, place => Socket.listen({ address: '192.168.45.3', port: 80 }, place))
    const take = () => server.accept(1000)?.close()
    const own = await follow(() => {
      expect(connect(undefined, '192.168.1.32', 8080)).toBe('connected')
      take()
    })
    expect(ends(own)).toEqual(['in tcp answered'])
    expect(headers(own[0]?.story as Story, 'request')).toEqual([
      'inside 192.168.1.32 > 192.168.45.3',
      'cable 192.168.1.32 > 192.168.45.3',
      'uplink 192.168.1.32 > 192.168.1.32',
    ])
    const hairpin = await follow(() => {
      expect(connect(inside, '192.168.1.32', 8080)).toBe('connected')
      take()
    })
    expect(ends(hairpin)).toEqual(['out tcp answered'])
    expect(headers(hairpin[0]?.story as Story, 'reply')).toEqual([
      'inside 192.168.1.32 > 192.168.45.3',
      'cable 192.168.1.32 > 192.168.45.3',
      'uplink 192.168.45.3 > 192.168.45.2',
    ])
    expect(await follow(() => expect(connect(host2, '192.168.1.32', 9999)).toBe('ECONNREFUSED'))).toEqual([])
  })

  test('that are refused by the space, by its silence, or taken by the host', async () => {
    const flows = await follow(
      () => {
        expect(connect(host2, '192.168.1.32', 8080)).toBe('ECONNREFUSED')
        expect(connect(host2, '192.168.1.32', 9999)).toBe('ECONNREFUSED')
        using client = at(host2, place => Socket.open('udp', place))
        client.send(new Uint8Array([1]), { address: '192.168.1.32', port: 5353 })
        expect(ping('follow-host2', '192.168.1.32')).toBe(0)
      },
      { from: { address: '192.168.1.15' } },
    )
    expect(flows.map(({ story }) => `${story.protocol} ${story.end.outcome}: ${story.end.reason}`)).toEqual([
      expect.stringMatching(
        /^tcp refused: myspace refused the connection by a reset \(RST\): nothing listens at its port 80/,
      ),
      'tcp refused: this host took it for itself, and refused the connection by a reset (RST): nothing of this host listens there',
      'udp refused: myspace refused it by ICMP: port unreachable',
      expect.stringMatching(/^icmp answered: this host answered the echo( after|$)/),
    ])
    expect(flows[1]?.story.end.evidence).toEqual([
      'nothing leads from 192.168.1.32:9999/tcp to myspace: no port is published there',
    ])
  })
})

describe('the packets of a story', () => {
  requireTool('nft', 'conntrack')(
    'passed the rules that nft(8) prints, and belong to connections that conntrack(8) lists',
    async () => {
      using server = at(inside, place => Socket.listen({ address: '192.168.45.3', port: 80 }, place))
      let monitor = ''
      const flows = await follow(() => {
        monitor = monitored(() => {
          expect(connect(host2, '192.168.1.32', 8080)).toBe('connected')
          server.accept(1000)?.close()
          expect(connect(inside, '192.168.1.15', 81)).toBe('ECONNREFUSED')
          expect(ping('myspace', '192.168.1.15')).toBe(0)
        })
      })
      expect(ends(flows)).toEqual(['in tcp answered', 'out tcp refused', 'out icmp answered'])
      const theirs = nftLinesById(monitor)
      const ours = flows.map(({ observation }) => linesById(observation.host.slice(0, 2)))
      // A later packet may have the number of one of these.
      for (const [id, lines] of ours.flatMap(item => [...item]))
        expect((theirs.get(id) ?? []).join('\n')).toContain(lines.join('\n'))
      expect(ours.map(item => item.size)).toEqual([2, 2, 2])
      const listed = run('conntrack', ['-L']).replaceAll(/ +/g, ' ')
      // A reset ends a connection that has hardly begun at once.
      for (const { story } of flows.filter(item => item.story.end.outcome === 'answered')) {
        const { original, reply } = story.connection ?? {}
        expect(original).toBeDefined()
        const side = (tuple: FlowTuple | undefined) =>
          `src=${tuple?.source} dst=${tuple?.destination} ${
            tuple?.icmp === undefined
              ? `sport=${tuple?.sourcePort} dport=${tuple?.destinationPort}`
              : `type=${tuple.icmp.type} code=${tuple.icmp.code} id=${tuple.icmp.id}`
          }`
        expect(listed).toContain(`${side(original)} ${side(reply)}`)
      }
    },
  )
})

describe('what is dropped', () => {
  test('ends on the guilty rule: in the host, in the space, of the answer', async () => {
    rules(
      'table inet mine { chain there { type filter hook forward priority 10; tcp dport { 80, 25 } drop; }; }',
    )
    rules(
      'table inet mine { chain in { type filter hook input priority 0; udp dport 53 drop; }; chain out { type filter hook output priority 0; tcp dport 26 drop; }; }',
      'myspace',
    )
    try {
      const flows = await follow(() => {
        expect(connect(host2, '192.168.1.32', 8080, 200)).toBe('ETIMEDOUT')
        expect(connect(inside, '192.168.1.15', 25, 200)).toBe('ETIMEDOUT')
        expect(connect(inside, '192.168.1.15', 26, 200)).toBe('ETIMEDOUT')
        using client = at(host2, place => Socket.open('udp', place))
        client.send(new Uint8Array([1]), { address: '192.168.1.32', port: 5353 })
      })
      const told = flows.map(({ story: { direction, end } }) =>
        [direction, end.outcome, end.at.packet, end.at.point, end.at.hook, end.at.chain].join(' '),
      )
      expect(told.toSorted()).toEqual([
        'in dropped request inside input inet mine in',
        'in dropped request uplink forward inet mine there',
        'out dropped request cable forward inet mine there',
        'out dropped request inside output inet mine out',
      ])
    } finally {
      flush()
    }
  })

  test('by routing is told with the reason, although the sender is told sooner', async () => {
    run('ip', ['route', 'del', 'default'])
    try {
      let evidence: readonly string[] = []
      // On a slow machine the flow may have been told when the sender is: then it is tried again.
      for (let attempt = 0; attempt < 5 && evidence.length === 0; attempt++) {
        const [flow, ...more] = await follow(() => expect(ping('myspace', '203.0.113.7')).toBe(1))
        expect(more).toEqual([])
        expect(flow?.story.end).toMatchObject({
          outcome: 'dropped',
          at: { packet: 'request', point: 'cable', hook: 'routing' },
          reason: 'no route leads to 203.0.113.7 (ENETUNREACH), in this host',
        })
        evidence = flow?.story.end.evidence ?? []
      }
      expect(evidence).toContain('the sender was told by 192.168.45.2: network unreachable')
    } finally {
      run('ip', 'route add default via 192.168.1.1'.split(' '))
    }
  })

  test('later than the beginning of a flow is told as its second story', async () => {
    using server = at(host2, place => Socket.listen({ address: '192.168.1.15', port: 90 }, place))
    const flows = await follow(() => {
      using client = at(inside, place => Socket.connect({ address: '192.168.1.15', port: 90 }, 3000, place))
      using accepted = server.accept(1000)
      client.send(new Uint8Array([1]))
      expect(accepted?.receive(1000)?.bytes.length).toBe(1)
      rules('table inet mine { chain there { type filter hook forward priority 10; tcp dport 90 drop; }; }')
      client.send(new Uint8Array([2]))
      client.send(new Uint8Array([3]))
      expect(accepted?.receive(300)).toBeUndefined()
      client.resetAtClose()
    }).finally(flush)
    expect(
      flows.map(({ flow, story }) => [flow, story.isOld, story.end.outcome, story.end.at.chain]),
    ).toEqual([
      [1, false, 'answered', undefined],
      [1, true, 'dropped', 'inet mine there'],
    ])
  })
})

describe('a flow that was there before', () => {
  test('is told as such', async () => {
    using server = at(host2, place => Socket.listen({ address: '192.168.1.15', port: 90 }, place))
    using client = at(inside, place => Socket.connect({ address: '192.168.1.15', port: 90 }, 3000, place))
    using accepted = server.accept(1000)
    const flows = await follow(() => {
      client.send(new Uint8Array([1]))
      expect(accepted?.receive(1000)?.bytes.length).toBe(1)
    })
    const own = flows.filter(({ story }) => story.tuple.sourcePort === client.local.port)
    expect(own.map(({ story }) => [story.isOld, story.end.outcome, story.notes])).toEqual([
      [true, 'answered', ['the connection was there before: how it began was not seen']],
    ])
  })
})

describe('the follower', () => {
  test('tells only what a filter selects at one of the points', async () => {
    const select = async (text: string) => {
      const flows = await follow(
        () => {
          expect(connect(inside, '192.168.1.15', 81)).toBe('ECONNREFUSED')
          expect(ping('myspace', '192.168.1.15')).toBe(0)
        },
        { filter: compileFilter(text) },
      )
      return ends(flows)
    }
    expect(await select('tcp port 81 and tcp[tcpflags] & tcp-syn != 0')).toEqual(['out tcp refused'])
    // The address of the uplink, which the space knows nothing of.
    expect(await select('icmp and src host 192.168.1.32')).toEqual(['out icmp answered'])
    expect(await select('port 82')).toEqual([])
  })

  test('leaves nothing behind', async () => {
    const state = () => run('sh', ['-c', 'nft list ruleset; ip netns exec myspace nft list ruleset'])
    const withoutCounters = (text: string) => text.replace(/packets \d+ bytes \d+/g, '')
    const once = () => follow(() => expect(connect(inside, '192.168.1.15', 81)).toBe('ECONNREFUSED'))
    await once()
    const before = withoutCounters(state())
    await once()
    expect(withoutCounters(state())).toBe(before)
    // Those of programs that were started are closed at some later time.
    const descriptors = openDescriptors()
    await once()
    expect([...openDescriptors()].filter(name => !descriptors.has(name))).toEqual([])
  })

  test('follows a hundred flows at once, each to its own end', async () => {
    const flows = await follow(() => {
      using client = at(inside, place => Socket.open('udp', place))
      for (let port = 2001; port <= 2100; port++)
        client.send(new Uint8Array([1]), { address: '192.168.1.15', port })
    })
    expect(flows.map(({ story }) => story.tuple.destinationPort).toSorted()).toHaveLength(100)
    expect(new Set(flows.map(({ story }) => story.tuple.destinationPort)).size).toBe(100)
    const refused = flows.filter(({ story }) => story.end.outcome === 'refused')
    const delivered = flows.filter(({ story }) => story.end.outcome === 'delivered')
    // Its kernel says only so often in a second that nobody listens.
    expect(refused.length + delivered.length).toBe(100)
    expect(refused.length).toBeGreaterThan(0)
    for (const { story } of refused) expect(story.end.reason).toEndWith('ICMP: port unreachable')
  })

  test('looks at some packets alone under heavy traffic, and counts the others', () => {
    using follower = new FlowFollower(kernel, space(), { timeout: 100 })
    using client = at(inside, place => Socket.open('udp', place))
    for (let count = 0; count < 3000; count++)
      client.send(new Uint8Array([1]), { address: '192.168.1.15', port: 2000 })
    const flows: FollowedFlow[] = []
    until('the story of the flow', () => {
      flows.push(...follower.turn().filter(news => news.type === 'flow'))
      return flows.length > 0
    })
    expect(flows.map(({ flow }) => flow)).toEqual([1])
    const { beginnings, others } = follower.leftOut()
    expect(beginnings + others).toBeGreaterThan(1000)
    expect(follower.open).toBe(0)
  })
})

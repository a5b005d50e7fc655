/** Flows of the article's space, followed while they are made: out, in, and what becomes of them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FlowFollower, type FollowedFlow, type FollowOptions } from '../../src/insight/follow/flow-follower.ts'
import { observeFlows } from '../../src/insight/follow/observe-flows.ts'
import type { Story } from '../../src/insight/trace/story.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { compileFilter } from '../../src/linux/packet/index.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import { readSpaceRecord } from '../../src/space/state/records.ts'
import { statePathsOf } from '../../src/cli/environment.ts'
import type { ResolvedSpace } from '../../src/space/spec/types.ts'
import { openDescriptors, requireSandbox, run } from '../support/sandbox.ts'
import { at, ping } from '../support/walk-stage.ts'

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
const connect = (where: string | undefined, address: string, port: number): string => {
  try {
    const open = (place?: { namespace: number }) => Socket.connect({ address, port }, 300, place)
    using _socket = where === undefined ? open() : at(where, open)
    return 'connected'
  } catch (error) {
    if (error instanceof SystemError) return error.code
    throw error
  }
}

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
    expect(story.end.reason).toMatch(/^myspace accepted the connection to its port 80 after/)
  })
})

/** What is predicted of flows that come to a space from outside, against what happens to them. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { statePathsOf } from '../../src/cli/environment.ts'
import { observeFlows } from '../../src/insight/follow/observe-flows.ts'
import { compare } from '../../src/insight/predict/compare.ts'
import { type InboundFlow, predictInbound } from '../../src/insight/predict/predict.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import type { ResolvedSpace } from '../../src/space/spec/types.ts'
import { readSpaceRecord } from '../../src/space/state/records.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { at } from '../support/walk-stage.ts'

requireSandbox()

const executable = join(import.meta.dirname, '../../dist/natspace')
const inside = '/run/netns/visited'
const outside = '/run/netns/visitor'
const kernel = new LinuxKernel()

beforeAll(() => {
  if (!existsSync(executable)) throw new Error('dist/natspace is missing: npm run build')
  run('sh', [
    '-c',
    `set -e
    ip link set lo up
    ip netns add visitor
    ip link add up0 type veth peer name eth0 netns visitor
    ip address add 192.168.1.32/24 dev up0; ip link set up0 up
    ip -n visitor address add 192.168.1.15/24 dev eth0; ip -n visitor link set eth0 up
    ${executable} up -q visited --gateway 192.168.45.2/24 --address 192.168.45.3 --host-interface in0 \
      --interface in1 -p 8080:80 -p 5353:53/udp`,
  ])
})
afterAll(() => {
  kernel[Symbol.dispose]()
  run('sh', ['-c', `${executable} down -q visited; ip netns del visitor; ip link del up0; true`])
})
afterEach(() => {
  for (const where of [[], ['ip', 'netns', 'exec', 'visited']])
    run('sh', ['-c', `${where.join(' ')} nft delete table inet mine 2>/dev/null; true`])
})

const space = (): ResolvedSpace => {
  const record = readSpaceRecord(kernel, statePathsOf(process.env), 'visited')
  if (record === undefined) throw new Error('there is no space')
  return record.space
}

/** A visit from outside; whether it succeeds is not its business. */
const visit = ({ destination, port = 0, protocol }: InboundFlow): void => {
  if (protocol === 'udp') {
    using socket = at(outside, place => Socket.open('udp', place))
    socket.send(new Uint8Array([1]), { address: destination, port })
    return
  }
  try {
    at(outside, place => Socket.connect({ address: destination, port }, 200, place)).close()
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
  }
}

/** Predicts a visit, makes it, and compares. */
const visited = async (port: number, protocol: 'tcp' | 'udp' = 'tcp') => {
  const flow: InboundFlow = { source: '192.168.1.15', destination: '192.168.1.32', port, protocol }
  const prediction = predictInbound(kernel, space(), flow)
  const flows = await observeFlows(
    kernel,
    space(),
    { timeout: 300, from: { address: flow.source } },
    async () => visit(flow),
  )
  const story = flows[0]?.story
  if (story === undefined) throw new Error('no flow was seen')
  const { agrees, differences } = compare(prediction, story)
  return { prediction, story, agrees, differences }
}

const rule = (chain: string, where: readonly string[] = []): void => {
  run('sh', ['-c', `${where.join(' ')} nft -f -`], `table inet mine {\n${chain}\n}\n`)
}
const there = ['ip', 'netns', 'exec', 'visited']

describe('a visitor of a published port', () => {
  test('gets into the space as predicted, and its answer back', async () => {
    using _server = at(inside, place => Socket.listen({ address: '192.168.45.3', port: 80 }, place))
    const { prediction, story, agrees, differences } = await visited(8080)
    expect({ agrees, differences, outcome: story.end.outcome }).toEqual({
      agrees: true,
      differences: [],
      outcome: 'answered',
    })
    expect(prediction.end).toMatchObject({
      outcome: 'delivered',
      reason: 'it would reach the space as 192.168.45.3:80',
    })
    for (const [index, { request, reply }] of story.points.entries())
      for (const [packet, seen] of [
        ['request', request],
        ['reply', reply],
      ] as const)
        expect(prediction.points[index]?.[packet]?.header).toMatchObject({
          source: seen?.header.source,
          destination: seen?.header.destination,
        })
  })

  test('of UDP too, where nobody answers', async () => {
    const { prediction, agrees, differences } = await visited(5353, 'udp')
    expect({ agrees, differences }).toEqual({ agrees: true, differences: [] })
    expect(prediction.end.outcome).toBe('delivered')
  })

  test('of another port comes to the host itself', async () => {
    const { prediction, agrees } = await visited(81)
    expect(agrees).toBe(true)
    expect(prediction.end.reason).toBe('this host would take it itself: nothing leads it to the space')
  })

  test.each([
    ['host', 'prerouting', 'raw', 'tcp dport 8080 drop', 'request'],
    ['host', 'forward', 'filter + 10', 'ct status dnat tcp dport 80 drop', 'request'],
    ['host', 'postrouting', 'filter', 'oifname "in0" drop', 'request'],
    ['space', 'input', 'filter', 'tcp dport 80 drop', 'request'],
    ['space', 'output', 'filter', 'tcp sport 80 drop', 'reply'],
    ['host', 'forward', 'filter - 10', 'ct direction reply drop', 'reply'],
    ['host', 'postrouting', 'srcnat + 50', 'oifname "up0" tcp sport 8080 drop', 'reply'],
  ])('is stopped in the %s at %s, %s: %s', async (where, hook, priority, text, packet) => {
    using _server = at(inside, place => Socket.listen({ address: '192.168.45.3', port: 80 }, place))
    rule(
      `chain guilty { type filter hook ${hook} priority ${priority}; ${text}; }`,
      where === 'space' ? there : [],
    )
    const { prediction, story, agrees, differences } = await visited(8080)
    expect({ agrees, differences }).toEqual({ agrees: true, differences: [] })
    expect(prediction.end).toMatchObject({ outcome: 'dropped', at: { packet, chain: 'inet mine guilty' } })
    expect(story.end).toMatchObject({ outcome: 'dropped', at: { packet, chain: 'inet mine guilty' } })
  })
})

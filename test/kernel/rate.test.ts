/**
 * Limits of a space's rate on the real kernel: token buckets as tc(8) makes and shows them, and packets that are really
 * held back, in both directions. Where the kernel has no tbf, the refusal must say so.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { type Change, ChangeError } from '../../src/linux/change.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { probe } from '../../src/linux/probe.ts'
import { ticksPerSecond } from '../../src/linux/rtnetlink/token-bucket.ts'
import { NatspaceError } from '../../src/space/errors.ts'
import { applyAll, rollBack } from '../../src/space/reconcile/apply.ts'
import { Observation } from '../../src/space/reconcile/observation.ts'
import { doWork } from '../../src/space/reconcile/work.ts'
import { refusedChange } from '../../src/space/refused-change.ts'
import { type RatedSpace, rateHandle, rateResource, tokenBucketOf } from '../../src/space/resources/rate.ts'
import { Planner } from '../../src/space/resources/resource.ts'
import { shellOf } from '../../src/space/text/shell.ts'
import { requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const testWithTc = requireTool('tc', 'ip')
const testWithNsenter = requireTool('nsenter')

const folder = '/run/netns'
const where = `${folder}/rated`
const host = { where: undefined, name: 'rate0', index: 4711 }
const inner = { where, name: 'rate1', index: 12 }
const megabit = 1e6

const spaceOf = (rate?: { up?: number; down?: number }): RatedSpace => ({
  name: 'rated',
  namespacePath: where,
  hostInterface: host.name,
  interface: inner.name,
  mtu: 1500,
  ...(rate === undefined ? {} : { rate }),
})

let kernel: LinuxKernel
const must = (...changes: Change[]) => {
  for (const outcome of kernel.change(changes)) if (outcome !== 'done') throw outcome
}

let madeFolder = false
beforeAll(() => {
  madeFolder = mkdirSync(folder, { recursive: true }) !== undefined
})
afterAll(() => {
  if (madeFolder && readdirSync(folder).length === 0) rmdirSync(folder)
})

beforeEach(() => {
  kernel = new LinuxKernel()
  const [one, other] = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const
  const peer = { ...inner, address: other, mtu: undefined }
  must(
    { type: 'namespace.add', path: where },
    { type: 'veth.add', ...host, address: one, mtu: undefined, peer },
    { type: 'address.add', ...host, address: '10.77.0.1', prefixLength: 24 },
    { type: 'link.set', ...host, up: true },
    { type: 'address.add', ...inner, address: '10.77.0.2', prefixLength: 24 },
    { type: 'link.set', ...inner, up: true },
  )
})
afterEach(() => {
  must({ type: 'link.delete', ...host }, { type: 'namespace.delete', path: where })
  kernel[Symbol.dispose]()
})

const limit = (rate: number, end: { where: string | undefined; name: string; index: number } = host) =>
  ({ type: 'qdisc.replace', ...end, handle: rateHandle, ...tokenBucketOf(rate) }) as const

const operationsOf = (space: RatedSpace, previous?: RatedSpace) => {
  const seen = new Observation(kernel)
  return rateResource(space, previous).add(seen, new Planner(seen))
}
const driftOf = (space: RatedSpace, previous?: RatedSpace) =>
  rateResource(space, previous).drift(new Observation(kernel))

const faultOf = (action: () => unknown): NatspaceError => {
  try {
    action()
  } catch (error) {
    if (error instanceof NatspaceError) return error
    throw error
  }
  throw new Error('Nothing was thrown')
}

const answer = probe('tbf')

test('the kernel limits a rate, or lacks tbf, which the error says', () => {
  const outcome = kernel.change([limit(megabit)])[0]
  if (answer.answer === 'yes') {
    expect(outcome).toBe('done')
    return
  }
  expect(outcome).toBeInstanceOf(ChangeError)
  const error = refusedChange(outcome as ChangeError, probe)
  expect(error).toMatchObject({ code: 'KERNEL_FEATURE_MISSING', exit: 6 })
  expect(error.why).toMatch(/CONFIG_NET_SCH(ED|_TBF)/)
})

const lacksIt = answer.answer === 'no'
describe.skipIf(lacksIt)(
  `limits${lacksIt ? ' (skipped: this kernel has no tbf, which the test above proves)' : ''}`,
  () => {
    test('a tick is as long as the kernel says', () => {
      const [perMicrosecond, perTick] = readFileSync('/proc/net/psched', 'utf8').split(' ')
      expect(Number.parseInt(perMicrosecond ?? '', 16)).toBe(1000)
      expect(1e9 / Number.parseInt(perTick ?? '', 16)).toBe(ticksPerSecond)
    })

    const shown = (...netns: string[]) => JSON.parse(run('tc', [...netns, '-j', 'qdisc', 'show']))
    /** A command of `shellOf`: its words hold no spaces. */
    const shell = (change: Change) => {
      for (const line of shellOf(change)) {
        const [program = '', ...words] = line.split(' ')
        run(program, words)
      }
    }

    for (const rate of [8000, 123_456, 10 * megabit, 1500 * megabit, 40_000 * megabit])
      testWithTc(`of ${rate} bits per second are what tc makes of our command`, () => {
        for (const [end, netns] of [
          [host, []],
          [inner, ['-n', 'rated']],
        ] as const) {
          const change = limit(rate, end)
          must(change)
          const ours = shown(...netns)
          expect(ours).toContainEqual(
            expect.objectContaining({ kind: 'tbf', handle: '6e73:', dev: end.name }),
          )
          shell({ type: 'qdisc.delete', ...end, handle: rateHandle })
          expect(shown(...netns)).not.toEqual(ours)
          shell(change)
          expect(shown(...netns)).toEqual(ours)
          expect(driftOf(spaceOf(end === host ? { down: rate } : { up: rate }))).toEqual([])
          must({ type: 'qdisc.delete', ...end, handle: rateHandle })
        }
      })

    testWithTc('come, change and go, and what was there comes back', () => {
      const before = [shown(), shown('-n', 'rated')]
      const space = spaceOf({ up: 10 * megabit, down: 50 * megabit })
      const applied = doWork(applyAll(kernel, operationsOf(space)))
      expect(applied.count).toBe(2)
      expect(driftOf(space)).toEqual([])
      expect(operationsOf(space)).toEqual([])
      const limited = [shown(), shown('-n', 'rated')]
      expect(limited).not.toEqual(before)

      const reason = new NatspaceError({ code: 'APPLY_FAILED', exit: 1, what: 'cannot', why: 'a test' })
      const changed = doWork(applyAll(kernel, operationsOf(spaceOf({ up: 2 * megabit }), space)))
      expect(changed.count).toBe(2)
      expect(driftOf(spaceOf({ up: 2 * megabit }), space)).toEqual([])
      expect(doWork(rollBack(kernel, changed, reason))).toBe(reason)
      expect([shown(), shown('-n', 'rated')]).toEqual(limited)

      expect(doWork(rollBack(kernel, applied, reason))).toBe(reason)
      expect([shown(), shown('-n', 'rated')]).toEqual(before)
    })

    testWithTc('a token bucket of somebody else comes back as it was', () => {
      const theirs = ['tbf', 'rate', '3mbit', 'burst', '4000', 'limit', '9000']
      run('tc', ['qdisc', 'add', 'dev', host.name, 'root', ...theirs])
      const before = shown()
      const space = spaceOf({ down: 50 * megabit })
      expect(driftOf(spaceOf(), space)).toEqual([])
      expect(operationsOf(spaceOf(), space)).toEqual([])
      const applied = doWork(applyAll(kernel, operationsOf(space)))
      expect(driftOf(space)).toEqual([])
      const reason = new NatspaceError({ code: 'APPLY_FAILED', exit: 1, what: 'cannot', why: 'a test' })
      expect(doWork(rollBack(kernel, applied, reason))).toBe(reason)
      expect(shown()).toEqual(before)
    })

    const foreign = {
      pfifo: ['pfifo', 'limit', '10'],
      'a bucket with a peak': [
        ...['tbf', 'rate', '3mbit', 'burst', '4000', 'limit', '9000'],
        ...['peakrate', '6mbit', 'minburst', '1540'],
      ],
    }
    for (const [name, words] of Object.entries(foreign))
      testWithTc(`${name} of somebody else is named, and stays`, () => {
        run('tc', ['qdisc', 'add', 'dev', host.name, 'root', ...words])
        const before = shown()
        const space = spaceOf({ down: 50 * megabit })
        expect(driftOf(space)).toHaveLength(1)
        const fault = faultOf(() => operationsOf(space))
        expect(fault).toMatchObject({ code: 'QDISC_TAKEN', exit: 1 })
        expect(shown()).toEqual(before)
        const [program = '', ...rest] = fault.fix[0]?.replace(/^.*: /, '').split(' ') ?? []
        expect(tryRun(program, rest).status).toBe(0)
        expect(doWork(applyAll(kernel, operationsOf(space))).count).toBe(1)
      })

    testWithNsenter('hold packets back, in each direction at its own rate', async () => {
      const free = await flood()
      const [up, down] = [2 * megabit, 4 * megabit]
      doWork(applyAll(kernel, operationsOf(spaceOf({ up, down }))))
      const limited = await flood()
      for (const [direction, rate] of [
        ['up', up],
        ['down', down],
      ] as const) {
        const { burst, limit: waiting } = tokenBucketOf(rate)
        const most = (seconds: number) => (rate / 8) * seconds + burst + waiting
        // Otherwise nothing would have been held back.
        expect(free[direction]).toBeGreaterThan(3 * most(free.seconds))
        expect(limited[direction]).toBeLessThan(1.3 * most(limited.seconds))
        expect(limited[direction]).toBeGreaterThan(0.5 * (rate / 8) * floodSeconds)
      }
      const dropped = (at: string | undefined) =>
        kernel.queueingDisciplines(at).find(item => item.handle === rateHandle)?.counters
      for (const counters of [dropped(undefined), dropped(where)]) {
        expect(counters?.drops).toBeGreaterThan(0)
        expect(counters?.overlimits).toBeGreaterThan(0)
      }
    })
  },
)

const floodSeconds = 0.5

/** Sends datagrams to an address as fast as it goes, for as long as it is told. */
const sender = `
const socket = require('node:dgram').createSocket('udp4')
const end = performance.now() + ${floodSeconds * 1000}
const packet = Buffer.alloc(1400)
const more = () => {
  if (performance.now() > end) return socket.close()
  for (let i = 0; i < 20; i++) socket.send(packet, 9, process.argv.at(-1), () => {})
  setTimeout(more, 1)
}
more()
`

const ended = (program: string, words: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 10_000 })
    child.on('error', reject)
    child.on('exit', status =>
      status === 0 ? resolve() : reject(new Error(`${program} ended with ${status}`)),
    )
  })

/** Floods the cable in both directions at once: the bytes that arrived at each end, and how long it took in all. */
async function flood(): Promise<{ up: number; down: number; seconds: number }> {
  const received = (at: string | undefined, name: string) =>
    Number(kernel.links(at).find(link => link.name === name)?.counters?.receivedBytes)
  const arrived = () => ({ up: received(undefined, host.name), down: received(where, inner.name) })
  const before = arrived()
  const start = performance.now()
  await Promise.all([
    ended(process.execPath, ['-e', sender, '10.77.0.2']),
    ended('nsenter', [`--net=${where}`, process.execPath, '-e', sender, '10.77.0.1']),
  ])
  const after = arrived()
  const seconds = (performance.now() - start) / 1000
  return { up: after.up - before.up, down: after.down - before.down, seconds }
}

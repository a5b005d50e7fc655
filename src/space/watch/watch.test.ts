import { describe, expect, test } from 'bun:test'
import { article } from '../../../test/support/up-scenarios.ts'
import type { Change } from '../../linux/change.ts'
import { failingKernel } from '../../linux/failing.ts'
import { FakeKernel } from '../../linux/fake.ts'
import { status } from '../reconcile/status.ts'
import { meanwhile, newHost } from '../reconcile/test-support.ts'
import { up } from '../reconcile/up.ts'
import type { WatchReport } from './report.ts'
import type { Sign, SignSource } from './sign.ts'
import { type WatchOptions, watch } from './watch.ts'

const flush: Change = {
  type: 'nftables.commit',
  where: undefined,
  commands: [{ type: 'table.delete', family: 'inet', table: 'natspace' }],
  generation: undefined,
}

/** A watch on a clock of its own: time passes only while it waits, and things happen at their time. */
const play = async (happens: [number, () => Sign[]][], end: number, rest: Partial<WatchOptions> = {}) => {
  const { kernel, context } = newHost()
  await up(context, [article])
  let now = 0
  let looks = 0
  const queue = happens.map(([at, action]) => ({ at, action }))
  const waiting: Sign[] = []
  const source: SignSource = {
    descriptors: [7],
    read: () => ({ signs: waiting.splice(0), lost: [] }),
    follow: () => false,
    [Symbol.dispose]() {},
  }
  const reports: WatchReport[] = []
  const content = await watch({
    paths: context.paths,
    openKernel: () => {
      looks++
      return new FakeKernel(kernel.machine)
    },
    source,
    report: report => reports.push(report),
    now: () => now,
    shouldEnd: () => now >= end,
    wait: async (descriptors, milliseconds) => {
      const until = now + milliseconds
      const next = queue[0]
      if (next !== undefined && next.at <= until) {
        now = Math.max(now, next.at)
        queue.shift()
        waiting.push(...next.action())
      } else now = until
      // Nobody waits for a descriptor that is not there.
      if (descriptors.length === 0) now = until
    },
    ...rest,
  })
  return { kernel, context, reports, content, looks, now: () => now }
}

const eventsOf = (reports: readonly WatchReport[]) =>
  reports.flatMap(report => (report.type === 'event' ? [report] : []))

describe('a watch', () => {
  test('repairs soon after the first sign, and looks at a storm of signs once', async () => {
    let damage: () => Sign[] = () => []
    const storm = Array.from({ length: 10 }, (_, index): [number, () => Sign[]] => [
      5000 + index,
      () => (index === 0 ? damage() : [{ area: 'link' }]),
    ])
    const host = newHost()
    await up(host.context, [article])
    damage = () => {
      meanwhile(host.kernel, [flush])
      return [{ area: 'firewall' }]
    }
    let looks = 0
    const { reports } = await play(storm, 20_000, {
      paths: host.context.paths,
      openKernel: () => {
        looks++
        return new FakeKernel(host.kernel.machine)
      },
    })
    const [repaired, ...others] = eventsOf(reports)
    expect(repaired).toMatchObject({ event: 'repaired' })
    expect(others).toEqual([])
    expect(repaired?.time).toBeLessThanOrEqual(5000 + 20)
    // The first, one at the start, one for the storm, and the word at the end.
    expect(looks).toBe(4)
    expect(status(host.context)[0]?.healthy).toBe(true)
  })

  test('looks once a minute without any sign', async () => {
    const { looks, content } = await play([], 300_000)
    expect(content).toBe(true)
    expect(looks).toBeGreaterThanOrEqual(6)
    expect(looks).toBeLessThanOrEqual(8)
  })

  test('ends within a second of being asked', async () => {
    const { now, reports } = await play([], 10_500)
    expect(now()).toBeLessThanOrEqual(11_500)
    expect(reports.at(-1)).toMatchObject({ type: 'end', repairs: 0 })
  })
})

describe('a single look', () => {
  test('waits for another natspace, and says so if that never ends', async () => {
    const host = newHost()
    await up(host.context, [article])
    meanwhile(host.kernel, [flush])
    const openKernel = () => new FakeKernel(host.kernel.machine)
    using lock = host.kernel.tryLock(host.context.paths.lock)
    expect(lock).toBeDefined()
    const { content, now } = await play([], 60_000, { once: true, openKernel, lockPatience: 0 })
    expect(content).toBe(false)
    expect(now()).toBeGreaterThan(9000)
    expect(status(host.context)[0]?.healthy).toBe(false)
  })

  test('does not end on a failure of the moment', async () => {
    const host = newHost()
    await up(host.context, [article])
    meanwhile(host.kernel, [flush])
    let opened = 0
    const openKernel = () => {
      const fresh = new FakeKernel(host.kernel.machine)
      return ++opened === 2 ? failingKernel(fresh, { at: 1 }) : fresh
    }
    const { content, reports } = await play([], 60_000, { once: true, openKernel })
    expect(content).toBe(true)
    expect(eventsOf(reports)).toMatchObject([{ event: 'repaired' }])
  })

  test('that finds all well ends at once', async () => {
    const { content, now } = await play([], 60_000, { once: true })
    expect(content).toBe(true)
    expect(now()).toBe(0)
  })
})

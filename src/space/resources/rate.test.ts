import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Change } from '../../linux/change.ts'
import { FakeKernel } from '../../linux/fake.ts'
import type { TokenBucket } from '../../linux/rtnetlink/token-bucket.ts'
import { NatspaceError } from '../errors.ts'
import { type Applied, applyAll, rollBack } from '../reconcile/apply.ts'
import { Observation } from '../reconcile/observation.ts'
import type { Operation } from '../reconcile/operation.ts'
import { doWork } from '../reconcile/work.ts'
import { RATE } from '../spec/rate.ts'
import { faultOf } from '../spec/test-support.ts'
import { shellOf } from '../text/shell.ts'
import { type RatedSpace, rateHandle, rateResource, tokenBucketOf } from './rate.ts'
import { Planner } from './resource.ts'

const where = '/run/netns/myspace'
const host = { where: undefined, name: 'veth1', index: 7 }
const inner = { where, name: 'veth2', index: 2 }
const megabit = 1e6

const spaceOf = (rate?: { up?: number; down?: number }): RatedSpace => ({
  name: 'myspace',
  namespacePath: where,
  hostInterface: 'veth1',
  interface: 'veth2',
  mtu: 1500,
  ...(rate === undefined ? {} : { rate }),
})
const both = spaceOf({ up: 10 * megabit, down: 50 * megabit })

const must = (kernel: FakeKernel, ...changes: Change[]) => {
  for (const outcome of kernel.change(changes)) if (outcome !== 'done') throw outcome
}

/** A host with the cable of myspace, both ends up. */
const newHost = (): FakeKernel => {
  const kernel = new FakeKernel()
  const end = { address: '02:00:00:00:00:01', mtu: undefined }
  must(
    kernel,
    { type: 'directory.add', path: '/run/netns', mode: 0o755 },
    { type: 'namespace.add', path: where },
    { type: 'veth.add', ...host, ...end, peer: { ...inner, ...end } },
    { type: 'link.set', ...host, up: true },
    { type: 'link.set', ...inner, up: true },
  )
  return kernel
}

const operationsOf = (kernel: FakeKernel, space: RatedSpace, previous?: RatedSpace): Operation[] => {
  const seen = new Observation(kernel)
  return rateResource(space, previous).add(seen, new Planner(seen))
}

const driftOf = (kernel: FakeKernel, space: RatedSpace, previous?: RatedSpace) =>
  rateResource(space, previous)
    .drift(new Observation(kernel))
    .map(({ expected, found }) => `${expected}: ${found}`)

const bring = (kernel: FakeKernel, space: RatedSpace, previous?: RatedSpace) => {
  const applied = doWork(applyAll(kernel, operationsOf(kernel, space, previous)))
  expect(driftOf(kernel, space, previous)).toEqual([])
  expect(operationsOf(kernel, space, previous)).toEqual([])
  return applied
}

/** Carries out the undo of what was applied. */
const takeBack = (kernel: FakeKernel, applied: Applied) => {
  const reason = new NatspaceError({ code: 'APPLY_FAILED', exit: 1, what: 'cannot', why: 'a test' })
  expect(doWork(rollBack(kernel, applied, reason))).toBe(reason)
}

const foreign = (handle: number, bucket: Partial<TokenBucket> = {}): Change => ({
  type: 'qdisc.replace',
  ...host,
  handle,
  ...{ rate: 3 * megabit, burst: 4000, limit: 9000 },
  ...bucket,
})

describe('the limits of a space', () => {
  test('are token buckets at both ends, the inner one first', () => {
    const operations = operationsOf(newHost(), both)
    expect(operations.flatMap(({ change }) => shellOf(change))).toEqual([
      'tc -n myspace qdisc replace dev veth2 root handle 6e73: tbf rate 10mbit burst 5000 latency 50ms',
      'tc qdisc replace dev veth1 root handle 6e73: tbf rate 50mbit burst 25000 latency 50ms',
    ])
    expect(operations.flatMap(({ undo }) => undo.flatMap(shellOf))).toEqual([
      'tc -n myspace qdisc delete dev veth2 root handle 6e73:',
      'tc qdisc delete dev veth1 root handle 6e73:',
    ])
    expect(operations.map(({ step, space }) => [step, space])).toEqual([
      ['cable', 'myspace'],
      ['cable', 'myspace'],
    ])
  })

  test('come, are right, change, go, and each can be undone', () => {
    const kernel = newHost()
    const plain = kernel.snapshot()
    const first = bring(kernel, both)
    const limited = kernel.snapshot()
    expect(limited).not.toEqual(plain)
    const faster = spaceOf({ up: 20 * megabit, down: 50 * megabit })
    const second = bring(kernel, faster, both)
    expect(second.count).toBe(1)
    takeBack(kernel, second)
    expect(kernel.snapshot()).toEqual(limited)
    const third = bring(kernel, spaceOf({ down: 50 * megabit }), both)
    expect(third.count).toBe(1)
    takeBack(kernel, third)
    expect(kernel.snapshot()).toEqual(limited)
    const last = bring(kernel, spaceOf(), both)
    expect(kernel.snapshot()).toEqual(plain)
    takeBack(kernel, last)
    expect(kernel.snapshot()).toEqual(limited)
    takeBack(kernel, first)
    expect(kernel.snapshot()).toEqual(plain)
  })

  test('drift when missing, and when somebody changed them', () => {
    const kernel = newHost()
    const wanted = 'tbf of 50mbit, burst 25000 and limit 337500 bytes on veth1'
    expect(driftOf(kernel, both)).toEqual([
      'tbf of 10mbit, burst 5000 and limit 67500 bytes on veth2: no limit',
      `${wanted}: no limit`,
    ])
    bring(kernel, both)
    must(kernel, foreign(rateHandle))
    expect(driftOf(kernel, both)).toEqual([`${wanted}: tbf of 3mbit, burst 4000 and limit 9000 bytes`])
    bring(kernel, both)
    must(kernel, { type: 'qdisc.delete', ...host, handle: rateHandle })
    expect(driftOf(kernel, both)).toEqual([`${wanted}: no limit`])
    bring(kernel, both)
    expect(driftOf(kernel, spaceOf(), both)).toEqual([
      'no limit on veth2: tbf of 10mbit, burst 5000 and limit 67500 bytes',
      'no limit on veth1: tbf of 50mbit, burst 25000 and limit 337500 bytes',
    ])
  })

  test('without a rate, nothing is looked at', () => {
    const kernel = newHost()
    must(kernel, foreign(rateHandle))
    const blind = new Proxy(kernel, {
      get: (target, key) => {
        if (key === 'queueingDisciplines') throw new Error('it was asked')
        return Reflect.get(target, key, target)
      },
    })
    for (const space of [spaceOf(), spaceOf({})]) {
      const resource = rateResource(space, spaceOf({}))
      const seen = new Observation(blind)
      expect(resource.drift(seen)).toEqual([])
      expect(resource.add(seen, new Planner(seen))).toEqual([])
      expect(resource.remove(seen, new Planner(seen))).toEqual([])
    }
  })

  test('for a cable that is yet to be made nothing has to be undone, nor looked at', () => {
    const kernel = new FakeKernel()
    const seen = new Observation(kernel)
    const planner = new Planner(seen)
    expect(rateResource(both).drift(seen)).toEqual([])
    expect(rateResource(both).add(seen, planner)).toEqual([])
    planner.reserveIndex(undefined, 'veth1')
    planner.reserveIndex(where, 'veth2')
    const operations = rateResource(both).add(seen, planner)
    expect(operations.map(({ undo }) => undo)).toEqual([[], []])
    expect(rateResource(spaceOf(), both).add(seen, planner)).toEqual([])
  })
})

describe('a queueing discipline of somebody else', () => {
  test('that limits as it should is right', () => {
    const kernel = newHost()
    must(kernel, foreign(0x8001, tokenBucketOf(50 * megabit)))
    const down = spaceOf({ down: 50 * megabit })
    expect(driftOf(kernel, down)).toEqual([])
    expect(operationsOf(kernel, down)).toEqual([])
  })

  test('that is a token bucket is replaced, and comes back as it was', () => {
    const kernel = newHost()
    must(kernel, foreign(0x8001))
    const before = kernel.snapshot()
    const applied = bring(kernel, both)
    takeBack(kernel, applied)
    expect(kernel.snapshot()).toEqual(before)
  })

  test('is left alone where no limit is wanted', () => {
    const kernel = newHost()
    must(kernel, foreign(0x8001))
    expect(driftOf(kernel, spaceOf(), both)).toEqual([])
    expect(operationsOf(kernel, spaceOf(), both)).toEqual([])
    expect(driftOf(kernel, spaceOf({ up: 10 * megabit }), both)).toHaveLength(1)
  })

  test('of another kind is a drift, and in the way', () => {
    for (const kind of ['fq_codel', 'htb']) {
      const kernel = newHost()
      const link = kernel.machine.host.links.get(host.index)
      if (link === undefined) throw new Error('no link')
      link.discipline = { kind, handle: 0x8001, tokenBucket: undefined }
      expect(driftOf(kernel, spaceOf({ down: 50 * megabit }))).toEqual([
        `tbf of 50mbit, burst 25000 and limit 337500 bytes on veth1: '${kind}'`,
      ])
      const fault = faultOf(() => operationsOf(kernel, both))
      expect(fault).toMatchObject({ code: 'QDISC_TAKEN', exit: 1 })
      expect(fault.evidence).toEqual([`'${kind}', 8001: at the root of veth1`])
      expect(fault.fix[0]).toBe('take it away: tc qdisc delete dev veth1 root')
      expect(operationsOf(kernel, spaceOf({ up: 10 * megabit }), both)).toHaveLength(1)
    }
  })
})

describe('taking the limits away', () => {
  const removal = (kernel: FakeKernel, planner?: (seen: Observation) => Planner) => {
    const seen = new Observation(kernel)
    return rateResource(both).remove(seen, planner?.(seen) ?? new Planner(seen))
  }

  test('takes ours, the host end first, and can be undone', () => {
    const kernel = newHost()
    const plain = kernel.snapshot()
    bring(kernel, both)
    const limited = kernel.snapshot()
    const operations = removal(kernel)
    expect(operations.map(({ change }) => shellOf(change)[0])).toEqual([
      'tc qdisc delete dev veth1 root handle 6e73:',
      'tc -n myspace qdisc delete dev veth2 root handle 6e73:',
    ])
    const applied = doWork(applyAll(kernel, operations))
    expect(kernel.snapshot()).toEqual(plain)
    takeBack(kernel, applied)
    expect(kernel.snapshot()).toEqual(limited)
  })

  test('takes nothing that is gone, of others, or goes with its link', () => {
    const kernel = newHost()
    expect(removal(kernel)).toEqual([])
    must(kernel, foreign(0x8001))
    expect(removal(kernel)).toEqual([])
    bring(kernel, both)
    const gone = (seen: Observation) => {
      const planner = new Planner(seen)
      planner.remove(undefined, 'veth1')
      planner.remove(where, 'veth2')
      return planner
    }
    expect(removal(kernel, gone)).toEqual([])
    must(kernel, { type: 'namespace.delete', path: where })
    expect(removal(kernel)).toEqual([])
  })
})

describe('the token bucket of a rate', () => {
  test('holds a packet, and what comes in a timer tick', () => {
    expect(tokenBucketOf(8000)).toEqual({ rate: 8000, burst: 1518, limit: 1568 })
    expect(tokenBucketOf(8000, 9000).burst).toBe(9018)
    expect(tokenBucketOf(10 * megabit)).toEqual({ rate: 10 * megabit, burst: 5000, limit: 67_500 })
    const rates = fc.integer({ min: RATE.least / 8, max: RATE.most / 8 }).map(bytes => bytes * 8)
    fc.assert(
      fc.property(rates, fc.integer({ min: 68, max: 65535 }), (rate, mtu) => {
        const { burst, limit } = tokenBucketOf(rate, mtu)
        expect(burst).toBeGreaterThanOrEqual(Math.max(mtu + 18, rate / 8 / 250))
        // Both are 32-bit numbers of bytes.
        expect(limit).toBeLessThan(2 ** 32)
        expect(limit - burst).toBe(Math.floor((rate / 8) * 0.05))
      }),
    )
  })
})

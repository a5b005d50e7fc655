import { expect, test } from 'bun:test'
import type { QdiscReplace } from '../../../src/linux/change.ts'
import { sameTokenBucket, type TokenBucket } from '../../../src/linux/rtnetlink/token-bucket.ts'
import { type End, type NewStage, type Stage, until } from './stage.ts'

const handle = 0x6e73
const megabit = 1e6

const replace = (end: End, bucket: Partial<TokenBucket> = {}): QdiscReplace => ({
  type: 'qdisc.replace',
  ...end,
  handle,
  ...{ rate: 10 * megabit, burst: 5000, limit: 67_500 },
  ...bucket,
})

const remove = (end: End, number = handle) => ({ type: 'qdisc.delete', ...end, handle: number }) as const

/** What stands at the root of a link, in short. */
const rootOf = (stage: Stage, { where, index }: End): string[] =>
  stage.kernel
    .queueingDisciplines(where)
    .filter(item => item.index === index && item.root)
    .map(({ kind, handle }) => `${kind} ${handle.toString(16)}:`)

const bucketOf = (stage: Stage, { where, index }: End): TokenBucket | undefined =>
  stage.kernel.queueingDisciplines(where).find(item => item.index === index)?.tokenBucket

export function queueingDisciplineTests(newStage: NewStage): void {
  test('a link has one from when it was up first', () => {
    const stage = newStage()
    const { left } = stage.cable()
    expect(stage.kernel.queueingDisciplines(left.where)).toEqual([])
    stage.must({ type: 'link.set', ...left, up: true })
    expect(rootOf(stage, left)).toEqual(['noqueue 0:'])
    stage.must({ type: 'link.set', ...left, up: false })
    expect(rootOf(stage, left)).toEqual(['noqueue 0:'])
    expect(stage.kernel.queueingDisciplines(left.where)[0]).toEqual({
      index: left.index,
      kind: 'noqueue',
      handle: 0,
      root: true,
      tokenBucket: undefined,
      counters: { sentBytes: 0n, sentPackets: 0, drops: 0, overlimits: 0, backlog: 0 },
    })
  })

  test('a token bucket is put there, changed, and taken away', () => {
    const stage = newStage()
    const { left, right } = stage.cable({ up: true })
    stage.must(replace(left), replace(right, { rate: 50 * megabit }))
    expect(rootOf(stage, left)).toEqual(['tbf 6e73:'])
    expect(bucketOf(stage, left)).toEqual({ rate: 10 * megabit, burst: 5000, limit: 67_500 })
    expect(bucketOf(stage, right)?.rate).toBe(50 * megabit)
    stage.must(replace(left, { rate: 2 * megabit, burst: 1518, limit: 20_000 }))
    expect(bucketOf(stage, left)).toEqual({ rate: 2 * megabit, burst: 1518, limit: 20_000 })
    stage.must(remove(left))
    expect(rootOf(stage, left)).toEqual(['noqueue 0:'])
    expect(rootOf(stage, right)).toEqual(['tbf 6e73:'])
  })

  test('on a link that is down too, and it stays when the link comes up', () => {
    const stage = newStage()
    const { left } = stage.cable()
    stage.must(replace(left))
    expect(rootOf(stage, left)).toEqual(['tbf 6e73:'])
    stage.must({ type: 'link.set', ...left, up: true })
    expect(rootOf(stage, left)).toEqual(['tbf 6e73:'])
    stage.must({ type: 'link.set', ...left, up: false }, remove(left))
    expect(rootOf(stage, left)).toEqual([])
  })

  test('one of another number takes the place of the first', () => {
    const stage = newStage()
    const { left } = stage.cable({ up: true })
    stage.must(replace(left), { ...replace(left), handle: 0x7001 })
    expect(rootOf(stage, left)).toEqual(['tbf 7001:'])
    expect(stage.change(remove(left))).toEqual(['EINVAL'])
    stage.must(remove(left, 0x7001))
    expect(rootOf(stage, left)).toEqual(['noqueue 0:'])
  })

  test('rates from slow to more than 32 bits hold', () => {
    const stage = newStage()
    const { left } = stage.cable({ up: true })
    for (const rate of [8000, 8008, 123_456, 999_999_992, 34_359_738_352, 34_359_738_368, 100e9]) {
      const bucket = { rate, burst: Math.max(1518, Math.floor(rate / 2000)), limit: 1_000_000_000 }
      stage.must(replace(left, bucket))
      const found = bucketOf(stage, left) as TokenBucket
      expect(found).toEqual({ ...bucket, burst: found.burst })
      expect(sameTokenBucket(bucket, found)).toBe(true)
    }
  })

  test('bits that make no whole byte are cut off', () => {
    const stage = newStage()
    const { left } = stage.cable({ up: true })
    stage.must(replace(left, { rate: 10_000_007 }))
    expect(bucketOf(stage, left)?.rate).toBe(10_000_000)
  })

  test('it goes with its link', async () => {
    const stage = newStage()
    const { left, right } = stage.cable({ up: true })
    stage.must(replace(left), replace(right), { type: 'link.delete', ...left })
    await until(() => rootOf(stage, right).length === 0)
    expect(rootOf(stage, left)).toEqual([])
  })

  test('refusals', () => {
    const stage = newStage()
    const { left } = stage.cable({ up: true })
    const missing = { ...left, index: 99 }
    expect(stage.change(replace(missing))).toEqual(['ENODEV'])
    expect(stage.change(remove(missing))).toEqual(['ENODEV'])
    expect(stage.change(remove(left))).toEqual(['EINVAL'])
    expect(stage.change(replace(left, { burst: 0 }))).toEqual(['EINVAL'])
    expect(stage.change(replace(left, { burst: 2 ** 32 }))).toEqual(['EncodeError'])
    expect(stage.change(replace(left, { limit: -1 }))).toEqual(['EncodeError'])
    expect(rootOf(stage, left)).toEqual(['noqueue 0:'])
    expect(() => stage.kernel.queueingDisciplines('/run/netns/none')).toThrow()
  })

  test('sent together with others, each is done or refused by itself', () => {
    const stage = newStage()
    const { left } = stage.cable()
    expect(
      stage.change(
        { type: 'address.add', ...left, address: '10.1.1.1', prefixLength: 24 },
        replace({ ...left, index: 99 }),
        replace(left),
        { type: 'link.set', ...left, up: true },
      ),
    ).toEqual(['done', 'ENODEV', 'done', 'done'])
    expect(rootOf(stage, left)).toEqual(['tbf 6e73:'])
  })
}

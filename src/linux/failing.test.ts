import { describe, expect, test } from 'bun:test'
import { type Change, ChangeError } from './change.ts'
import { failingKernel } from './failing.ts'
import { FakeKernel } from './fake.ts'

const folder = (name: string): Change => ({ type: 'directory.add', path: `/run/${name}`, mode: 0o700 })
const loopback = (change: { up?: boolean; alias?: string }): Change => ({
  type: 'link.set',
  where: undefined,
  name: 'lo',
  index: 1,
  ...change,
})

describe('a kernel that refuses one change', () => {
  test('carries out those before, not the one, and none behind it', () => {
    const kernel = new FakeKernel()
    const failing = failingKernel(kernel, { at: 2 })
    const changes = [folder('a'), folder('b'), folder('c')]
    const outcomes = failing.change(changes)
    expect(outcomes[0]).toBe('done')
    expect(outcomes[1]).toBeInstanceOf(ChangeError)
    expect(outcomes[1]).toMatchObject({ change: changes[1], code: 'EIO' })
    expect(outcomes[2]).toBe('not-tried')
    expect(failing.readFolder('/run')).toEqual(['a'])
    expect([failing.tried, failing.writes, kernel.writes]).toEqual([2, 1, 1])
  })

  test('counts over its life, and refuses once', () => {
    const failing = failingKernel(new FakeKernel(), { at: 3 })
    expect(failing.change([folder('a')])).toEqual(['done'])
    expect(failing.change([folder('b')])).toEqual(['done'])
    expect(failing.change([folder('c')])[0]).toMatchObject({ code: 'EIO' })
    expect(failing.change([folder('c')])).toEqual(['done'])
    expect(failing.tried).toBe(4)
  })

  test('what is sent together with the refused change is tried', () => {
    const failing = failingKernel(new FakeKernel(), { at: 1 })
    const outcomes = failing.change([loopback({ up: false }), loopback({ alias: 'x' }), folder('a')])
    expect(outcomes.map(outcome => (outcome instanceof ChangeError ? outcome.code : outcome))).toEqual([
      'EIO',
      'done',
      'not-tried',
    ])
    expect(failing.links(undefined)[0]).toMatchObject({ up: true, alias: 'x' })
    expect(failing.tried).toBe(2)
  })

  test('gives the error it is told to', () => {
    const error = Object.assign(new Error('no'), { code: 'EPERM' })
    const [outcome] = failingKernel(new FakeKernel(), { at: 1, error }).change([folder('a')])
    expect(outcome).toMatchObject({ code: 'EPERM', cause: error })
  })

  test('only counts when it is told to refuse none', () => {
    const failing = failingKernel(new FakeKernel(), { at: Number.POSITIVE_INFINITY })
    expect(failing.change([folder('a'), loopback({ alias: 'x' }), loopback({ alias: 'y' })])).toEqual([
      'done',
      'done',
      'done',
    ])
    expect(failing.tried).toBe(3)
  })
})

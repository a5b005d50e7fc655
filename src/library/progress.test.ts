/** Calls that take long tell how far they are. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { FakeKernel } from '../linux/fake.ts'
import type { Progress } from '../space/reconcile/work.ts'
import { down, gc, status, upAll } from './calls.ts'

/** A clock on which everything takes long. */
let clock: ReturnType<typeof spyOn<Performance, 'now'>>
beforeEach(() => {
  let now = 0
  clock = spyOn(performance, 'now').mockImplementation(() => {
    now += 1000
    return now
  })
})
afterEach(() => clock.mockRestore())

const names = Array.from({ length: 90 }, (_, index) => `many-${index}`)
const specs = names.map(name => ({ name, internal: true }))

describe('onProgress', () => {
  test('is told of each call how far it is, and others have their turn meanwhile', async () => {
    const kernel = new FakeKernel()
    let turns = 0
    const during = async (call: (onProgress: (progress: Progress) => void) => Promise<unknown>) => {
      const told: Progress[] = []
      turns = 0
      await call(progress => {
        told.push(progress)
        setImmediate(() => turns++)
      })
      expect(turns).toBe(told.length)
      return [...new Set(told.map(({ phase }) => phase))]
    }
    expect(await during(onProgress => upAll(specs, { kernel, onProgress }))).toEqual([
      'planning',
      'making',
      'checking',
    ])
    expect(await during(onProgress => status(names, { kernel, onProgress }))).toEqual([
      'reading',
      'describing',
    ])
    expect(await during(onProgress => down(names, { kernel, onProgress }))).toEqual(['planning', 'removing'])
    expect(await during(onProgress => gc({ kernel, onProgress }))).toEqual([])
  })

  test('stops the call by what it throws', async () => {
    const kernel = new FakeKernel()
    const before = kernel.snapshot()
    const cause = new RangeError('enough')
    const onProgress = ({ phase }: Progress) => {
      if (phase !== 'planning') throw cause
    }
    const stopped = { code: 'STOPPED', cause }
    expect(await upAll(specs, { kernel, onProgress }).catch(error => error)).toMatchObject(stopped)
    expect(kernel.snapshot()).toEqual(before)
    await upAll(specs, { kernel })
    // What is being taken down goes on to its end.
    expect(await down(names, { kernel, onProgress }).catch(error => error)).toMatchObject(stopped)
    expect(kernel.snapshot()).toEqual(before)
  })
})

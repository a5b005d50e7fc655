import { describe, expect, test } from 'bun:test'
import { NatspaceError } from '../errors.ts'
import { doWork, doWorkWatched, eachOf, inOtherTerms, type Progress, stopped, type Work } from './work.ts'

/** Work that takes time: its first step longer than the time to the first look, and each other longer than from one to the next. */
function* slow(steps: number, mayEnd: (step: number) => boolean, log: string[]): Work<string> {
  try {
    for (let step = 0; step < steps; step++) {
      const end = performance.now() + (step === 0 ? 501 : 201)
      while (performance.now() < end);
      yield { phase: 'making', done: step, total: steps, mayEnd: mayEnd(step) }
      log.push(`did ${step}`)
    }
    return 'done'
  } catch (error) {
    log.push(error instanceof NatspaceError ? error.code : 'another')
    throw error
  }
}

describe('work', () => {
  test('is done in one go where nobody looks', async () => {
    const log: string[] = []
    let turns = 0
    setImmediate(() => turns++)
    expect(
      await doWorkWatched(
        slow(2, () => true, log),
        undefined,
      ),
    ).toBe('done')
    expect(turns).toBe(0)
    expect(log).toEqual(['did 0', 'did 1'])
  })
  test('is not looked at while it takes no time', async () => {
    const look = () => {
      throw new Error('looked')
    }
    const items = [1, 2, 3]
    expect(
      await doWorkWatched(
        eachOf(items, { phase: 'planning', mayEnd: true }, item => [item, -item]),
        { look },
      ),
    ).toEqual([1, -1, 2, -2, 3, -3])
  })
  test('tells how far it is, and gives others their turn', async () => {
    const seen: Progress[] = []
    let turns = 0
    const look = async (progress: Progress) => {
      seen.push(progress)
      await new Promise(resolve => setImmediate(resolve))
      turns++
      return undefined
    }
    await doWorkWatched(
      slow(2, () => true, []),
      { look },
    )
    expect(seen).toEqual([
      { phase: 'making', done: 0, total: 2 },
      { phase: 'making', done: 1, total: 2 },
    ])
    expect(turns).toBe(2)
  })
  test('is ended where it may be, once, and says why', async () => {
    const log: string[] = []
    const reason = stopped('stopped by SIGINT', 'it is undone', { exit: 130 })
    const look = () => reason
    const work = doWorkWatched(
      slow(5, step => step === 2, log),
      { look },
    )
    expect(await work.catch(error => error)).toBe(reason)
    expect(log).toEqual(['did 0', 'did 1', 'STOPPED'])
  })
  test('is finished where it may not be ended', async () => {
    const look = () => stopped('stopped by SIGINT', 'it is undone', { exit: 130 })
    expect(
      await doWorkWatched(
        slow(2, () => false, []),
        { look },
      ),
    ).toBe('done')
  })
  test('keeps what its onlooker has thrown as the cause', async () => {
    const cause = new RangeError('enough')
    const look = () => {
      throw cause
    }
    const error = await doWorkWatched(
      slow(2, () => true, []),
      { look },
    ).catch(error => error)
    expect(error).toMatchObject({ code: 'STOPPED', exit: 1, cause })
  })
})

test('pauses come every some items, and can be told in other terms', () => {
  const items = Array.from({ length: 100 }, (_, index) => index)
  const pauses: Progress[] = []
  const work = inOtherTerms(
    eachOf(items, { phase: 'planning', mayEnd: true }, item => [item]),
    pause => ({ ...pause, total: 7 }),
  )
  for (let step = work.next(); !step.done; step = work.next()) pauses.push(step.value)
  expect(pauses.map(({ done, total }) => [done, total])).toEqual([
    [32, 7],
    [64, 7],
    [96, 7],
  ])
  const again = inOtherTerms(
    eachOf(items, { phase: 'planning', mayEnd: true }, item => [item]),
    pause => pause,
  )
  expect(doWork(again)).toEqual(items)
  const ended = inOtherTerms(
    eachOf(items, { phase: 'planning', mayEnd: true }, item => [item]),
    pause => pause,
  )
  ended.next()
  expect(() => ended.throw(new RangeError('enough'))).toThrow(RangeError)
})

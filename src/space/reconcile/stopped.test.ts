/** Work of many spaces that is stopped in the middle: `up` takes all of it back, `down` and `gc` finish what they have begun. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { spec } from '../../../test/support/up-scenarios.ts'
import { recordPath } from '../state/records.ts'
import { down } from './down.ts'
import { gc } from './gc.ts'
import { status, statusWatched } from './status.ts'
import { newHost } from './test-support.ts'
import { up } from './up.ts'
import { type Progress, stopped, undone } from './work.ts'

const many = (count: number) => Array.from({ length: count }, (_, index) => spec(`s${index}`))
const names = (count: number) => many(count).map(({ name }) => name)

/** A clock on which every pause of the work comes long after the one before: each is looked at. */
let clock: ReturnType<typeof spyOn<Performance, 'now'>>
beforeEach(() => {
  let now = 0
  clock = spyOn(performance, 'now').mockImplementation(() => {
    now += 1000
    return now
  })
})
afterEach(() => clock.mockRestore())

const interrupt = stopped('stopped by SIGINT', undone, { exit: 130 })

/** Someone who notes what is told, and stops the work at the n-th time. */
const onlooker = (at = Number.POSITIVE_INFINITY) => {
  const told: Progress[] = []
  const look = async (progress: Progress) => {
    told.push(progress)
    return told.length >= at ? interrupt : undefined
  }
  return { told, look }
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    error => error,
  )

describe('up', () => {
  test('that is stopped, wherever that is, leaves everything as it was', async () => {
    const { kernel, context } = newHost()
    await up(context, many(3))
    const before = kernel.snapshot()
    const phases = new Set<string>()
    for (let at = 1; ; at++) {
      const { told, look } = onlooker(at)
      const error = await failureOf(up({ ...context, onlooker: { look } }, many(20)))
      for (const { phase } of told) phases.add(phase)
      if (error === undefined) break
      expect(error).toBe(interrupt)
      expect(kernel.snapshot()).toEqual(before)
      expect(kernel.readFile(context.paths.journal)).toBeUndefined()
    }
    expect([...phases].sort()).toEqual(['checking', 'making', 'planning'])
    expect(status(context).length).toBe(20)
  })

  test('tells of every phase how far it is, from nothing to the end', async () => {
    const { context } = newHost()
    const { told, look } = onlooker()
    await up({ ...context, onlooker: { look } }, many(40))
    expect(new Set(told.map(({ phase }) => phase))).toEqual(new Set(['planning', 'making', 'checking']))
    for (const [index, { phase, done, total }] of told.entries()) {
      const last = told[index - 1]
      if (last?.phase === phase) expect(done).toBeGreaterThan(last.done)
      expect(done).toBeLessThan(total ?? 0)
    }
  })
})

describe('down', () => {
  const count = 60

  test('that is stopped before its first change changes nothing, and after it goes on to its end', async () => {
    const { kernel, context } = newHost()
    const start = kernel.snapshot()
    await up(context, many(count))
    const before = kernel.snapshot()
    let isDone = false
    for (let at = 1; !isDone; at++) {
      const { told, look } = onlooker(at)
      const error = await failureOf(down({ ...context, onlooker: { look } }, names(count)))
      if (error === undefined) isDone = true
      else {
        expect(error).toBe(interrupt)
        expect(new Set(told.map(({ phase }) => phase))).toEqual(new Set(['planning']))
        expect(kernel.snapshot()).toEqual(before)
      }
    }
    expect(kernel.snapshot()).toEqual(start)
  })

  test('tells how far it is, from nothing to the end', async () => {
    const { context } = newHost()
    await up(context, many(count))
    const { told, look } = onlooker()
    await down({ ...context, onlooker: { look } }, names(count))
    const removing = told.filter(({ phase }) => phase === 'removing')
    expect(removing.length).toBeGreaterThan(0)
    for (const [index, { done, total }] of removing.entries()) {
      expect(done).toBeGreaterThan(removing[index - 1]?.done ?? 0)
      expect(done).toBeLessThan(total ?? 0)
    }
  })

  test('by gc is finished too', async () => {
    const { kernel, context } = newHost()
    const start = kernel.snapshot()
    await up(context, many(count))
    kernel.change(names(count).map(name => ({ type: 'file.delete', path: recordPath(context.paths, name) })))
    expect((await gc({ ...context, onlooker: onlooker(1) })).problems).toEqual([])
    expect(kernel.snapshot()).toEqual(start)
  })
})

test('status can be stopped, and says the same while somebody looks on', async () => {
  const { context } = newHost()
  await up(context, many(40))
  const { told, look } = onlooker()
  expect(await statusWatched({ ...context, onlooker: { look } })).toEqual(status(context))
  expect(new Set(told.map(({ phase }) => phase))).toEqual(new Set(['reading', 'describing']))
  expect(await failureOf(statusWatched({ ...context, onlooker: onlooker(1) }))).toBe(interrupt)
})

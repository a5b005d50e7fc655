/**
 * A process that is killed at each of its changes in turn, on a kernel in memory: the next command, whoever gives it, finds
 * out what was under way and takes it back or completes it.
 */
import { describe, expect, test } from 'bun:test'
import { article, publish, scenarios, spec } from '../../../test/support/up-scenarios.ts'
import { down } from './down.ts'
import { status } from './status.ts'
import { killedKernel, stageOf } from './test-support.ts'
import type { Context } from './types.ts'
import { up } from './up.ts'

type Action = (context: Context) => Promise<unknown>

/** Kills the action at its n-th change; false when it has fewer. */
const killedAt = async (context: Context, at: number, action: Action): Promise<boolean> => {
  const kernel = killedKernel(context.kernel, at)
  try {
    await action({ ...context, kernel })
    return false
  } catch (error) {
    if (kernel.tried < at) throw error
    return true
  }
}

/** Does something of its own, as anybody would, and nothing to the spaces of the scenario. */
const somebodyElse: Action = context => down(context, ['nothing-of-that-name'])

/** What is said of each space, but for what the kernel numbers. */
const picture = (context: Context) => status(context).map(({ counters, ...rest }) => rest)

/** What is done after a kill takes turns, so that all points are tried with one of them, and each with many points. */
const turn = (at: number, scenario: number, ways: number): number => (at + scenario) % ways

describe('up, killed', () => {
  for (const [index, scenario] of scenarios.entries())
    test(scenario.title, async () => {
      const names = [...scenario.before.flat(), ...scenario.specs].map(({ name }) => name)
      for (let at = 1; ; at++) {
        const { kernel, context, start } = await stageOf(scenario)
        const before = picture(context)
        if (!(await killedAt(context, at, other => up(other, scenario.specs)))) {
          expect(at).toBeGreaterThan(2)
          break
        }
        const way = turn(at, index, 3)
        if (way === 0) {
          // Whoever comes next finds it as it was: without what was new, and with what was there before.
          await somebodyElse(context)
          expect(kernel.readFile(context.paths.journal)).toBeUndefined()
          if (scenario.harm === undefined)
            expect({ at, found: picture(context) }).toEqual({ at, found: before })
        } else if (way === 1) {
          const { plan } = await up(context, scenario.specs)
          expect(plan.warnings.filter(({ code }) => code === 'NOT_SETTLED')).toEqual([])
          expect((await up(context, scenario.specs)).changes).toBe(0)
          expect(status(context).flatMap(({ drift }) => drift)).toEqual([])
        }
        expect((await down(context, names)).problems).toEqual([])
        if (scenario.harm !== 'record') expect({ at, state: kernel.snapshot() }).toEqual({ at, state: start })
      }
    })
})

describe('down, killed', () => {
  for (const [index, scenario] of scenarios.entries())
    test(scenario.title, async () => {
      const names = [
        ...new Set([...scenario.before.flat(), ...scenario.specs].map(({ name }) => name)),
      ].sort()
      for (let at = 1; ; at++) {
        const { kernel, context, start } = await stageOf(scenario)
        await up(context, scenario.specs)
        const going = at % 2 === 0 ? names : names.slice(0, 1)
        if (!(await killedAt(context, at, other => down(other, going)))) {
          expect(at).toBeGreaterThan(2)
          break
        }
        if (turn(at, index, 4) < 2) {
          await somebodyElse(context)
          const stays = names.filter(name => !going.includes(name))
          // Before its very first change nothing is written down yet, and nothing was begun.
          expect([stays, names]).toContainEqual(status(context).map(({ name }) => name))
        } else {
          await up(context, scenario.specs)
          expect((await up(context, scenario.specs)).changes).toBe(0)
        }
        await down(context, names)
        expect({ at, state: kernel.snapshot() }).toEqual({ at, state: start })
      }
    })
})

describe('killed, and killed again', () => {
  const specs = [article, spec('b', { publish: [publish(90)] })]
  const changed = [{ ...article, hostInterface: 'outer', publish: [publish(9000)] }, spec('c')]

  test('while it is put in order', async () => {
    const stage = async () => {
      const host = await stageOf({ title: '', before: [specs], specs: changed })
      return host
    }
    let points = 0
    for (let first = 2; ; first += 5) {
      const { context } = await stage()
      if (!(await killedAt(context, first, other => up(other, changed)))) break
      for (let second = 1; ; second += 3) {
        const { kernel, context, start } = await stage()
        const before = picture(context)
        await killedAt(context, first, other => up(other, changed))
        if (!(await killedAt(context, second, somebodyElse))) break
        points++
        await somebodyElse(context)
        expect({ first, second, found: picture(context) }).toEqual({ first, second, found: before })
        await down(context, ['myspace', 'b', 'c'])
        expect(kernel.snapshot()).toEqual(start)
      }
    }
    expect(points).toBeGreaterThan(10)
  }, 30_000)
})

import { describe, expect, test } from 'bun:test'
import { scenarios } from '../../../test/support/up-scenarios.ts'
import { failingKernel } from '../../linux/failing.ts'
import { NatspaceError } from '../errors.ts'
import { down } from './down.ts'
import { stageOf } from './test-support.ts'
import { up } from './up.ts'

describe('up is made whole or not at all: every change of it is refused in turn', () => {
  for (const scenario of scenarios)
    test(scenario.title, async () => {
      const whole = await stageOf(scenario)
      const counter = failingKernel(whole.kernel, { at: Number.POSITIVE_INFINITY })
      await up({ ...whole.context, kernel: counter }, scenario.specs)
      expect(counter.tried).toBeGreaterThan(0)
      for (let at = 1; at <= counter.tried; at++) {
        const { kernel, context, start } = await stageOf(scenario)
        const before = kernel.snapshot()
        const error = await up({ ...context, kernel: failingKernel(kernel, { at }) }, scenario.specs).catch(
          (cause: unknown) => cause,
        )
        expect(error).toBeInstanceOf(NatspaceError)
        expect({ at, code: (error as NatspaceError).code, why: String(error) }).toMatchObject({
          at,
          code: 'APPLY_FAILED',
        })
        expect({ at, state: kernel.snapshot() }).toEqual({ at, state: before })
        await up(context, scenario.specs)
        const names = [...scenario.before.flat(), ...scenario.specs].map(({ name }) => name)
        expect((await down(context, names)).problems).toEqual([])
        expect({ at, state: kernel.snapshot() }).toEqual({ at, state: start })
      }
    })
})

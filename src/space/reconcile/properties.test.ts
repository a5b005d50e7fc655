import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { publish, spec } from '../../../test/support/up-scenarios.ts'
import { NatspaceError } from '../errors.ts'
import type { SpaceSpec } from '../spec/types.ts'
import { down } from './down.ts'
import { status } from './status.ts'
import { newHost } from './test-support.ts'
import type { Context } from './types.ts'
import { planUp, up } from './up.ts'

const names = ['a', 'b', 'c'] as const

/** Specs that often want the same thing. */
const anySpec = fc
  .record({
    name: fc.constantFrom(...names),
    cable: fc.constantFrom<Partial<SpaceSpec>[]>(
      {},
      {},
      { gateway: '10.1.0.1/24' },
      { gateway: '10.1.0.1/24', address: '10.1.0.77' },
      { gateway: '10.1.0.129/25' },
      { address: '10.2.0.2' },
      { gateway: '192.168.1.7/24' },
      { hostInterface: 'shared0' },
      { interface: 'inner0' },
    ),
    // Few of them: most of many would take a port twice, and be refused.
    ports: fc.subarray(
      [
        publish(80),
        publish(80, 8080),
        publish(53, 53, 'udp'),
        publish({ first: 79, last: 81 }),
        publish({ first: 100, last: 103 }, 200),
        { ...publish(80), hostAddress: '192.168.1.32' },
      ],
      { maxLength: 2 },
    ),
    mtu: fc.constantFrom(undefined, undefined, 1400, 1000),
    uplink: fc.constantFrom(undefined, undefined, 'eth0', 'none'),
    internal: fc.boolean(),
  })
  .map(({ name, cable, ports, mtu, uplink, internal }) =>
    spec(name, {
      ...cable,
      publish: ports,
      ...(mtu === undefined ? {} : { mtu }),
      ...(uplink === undefined ? {} : { uplink }),
      internal: internal && uplink === undefined,
    }),
  )

const anyStep = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.uniqueArray(anySpec, { minLength: 1, maxLength: 3, selector: item => item.name }),
  },
  { weight: 1, arbitrary: fc.subarray([...names], { minLength: 1 }) },
)
type Step = SpaceSpec[] | ('a' | 'b' | 'c')[]
const isUp = (step: Step): step is SpaceSpec[] => typeof step[0] === 'object'

/** What must hold whenever nothing is being changed. */
const checkInvariants = ({ kernel, paths }: Context): void => {
  const all = status({ kernel, paths })
  for (const { name, drift } of all) expect({ name, drift }).toEqual({ name, drift: [] })
  const addresses = all.flatMap(space => [...space.addresses.map(text => text.split('/')[0]), space.gateway])
  expect(addresses.length).toBe(all.length * 2)
  expect(new Set(addresses).size).toBe(addresses.length)
  expect(kernel.namespaceNames()).toEqual(all.map(({ name }) => name))
  const cables = kernel.links(undefined).filter(({ alias }) => alias?.startsWith('natspace:'))
  expect(cables.length).toBe(all.length)
}

test('whatever is asked for in whatever order: whole, stable, and without a trace at the end', async () => {
  let [done, refused] = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 6 }), async steps => {
      const { kernel, context } = newHost()
      const start = kernel.snapshot()
      for (const step of steps as Step[]) {
        const before = kernel.snapshot()
        if (!isUp(step)) {
          expect((await down(context, step)).problems).toEqual([])
        } else
          try {
            await up(context, step)
            done++
            expect(planUp(context, step).operations).toEqual([])
            const { writes } = kernel
            expect((await up(context, step)).changes).toBe(0)
            expect(kernel.writes).toBe(writes)
          } catch (error) {
            if (!(error instanceof NatspaceError)) throw error
            // Only what was asked for may be wrong, never what natspace made of it.
            expect({ exit: error.exit, message: error.message }).toMatchObject({ exit: 2 })
            expect(kernel.snapshot()).toEqual(before)
            refused++
          }
        checkInvariants(context)
      }
      expect((await down(context, [...names])).problems).toEqual([])
      expect(kernel.snapshot()).toEqual(start)
    }),
    { numRuns: 60 },
  )
  // Both ways out were taken.
  expect(Math.min(done, refused)).toBeGreaterThan(10)
}, 60_000)

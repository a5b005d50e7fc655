import { type Diagnosis, diagnose } from '../../insight/doctor/diagnose.ts'
import type { Destination } from '../../insight/doctor/facts.ts'
import type { Subject } from '../../insight/doctor/subject.ts'
import { down } from '../../space/reconcile/down.ts'
import type { Context } from '../../space/reconcile/types.ts'
import { up } from '../../space/reconcile/up.ts'
import type { RawSpec, ResolvedSpace } from '../../space/spec/types.ts'
import { validateSpec } from '../../space/spec/validate.ts'
import { articleSpace } from '../../space/text/article-space.ts'
import { experimentRawSpec } from '../experiment-spec.ts'
import { labFailed, network } from '../places.ts'
import { connectByHand } from './hand-made.ts'
import { Pretence } from './pretence.ts'
import type { Scenario } from './scenario.ts'
import { World } from './world.ts'

/** What the doctor said while the fault was there, and once it was taken back. */
export type Played = { found: Diagnosis; healed: Diagnosis }

/** Milliseconds that the doctor waits for an answer: everything in the lab is near. */
const patience = 600

const host2: Destination = { family: 4, protocol: 'icmp', address: network.host2 }

/**
 * Plays a fault in a lab whose topology is there: brings the space up, makes the fault, asks the doctor, takes it back,
 * asks again, and takes the space down. Throws NatspaceError, and as `diagnose`.
 */
export const playScenario = (context: Context, scenario: Scenario): Promise<Played> =>
  playTogether(context, [scenario])

/** The same with several faults at once; the first one says what is asked. */
export const playTogether = async (context: Context, scenarios: readonly Scenario[]): Promise<Played> => {
  const pretence = new Pretence()
  const { paths } = context
  const kernel = pretence.over(context.kernel)
  const { to = host2, inbound, byHand } = scenarios[0] ?? {}
  // The space is not there yet: only what is outside of it can be prepared.
  const worlds: World[] = []
  const newWorld = (space: ResolvedSpace = articleSpace): World => {
    const world = new World(kernel, space, pretence)
    worlds.push(world)
    return world
  }
  const connect = async (spec: RawSpec): Promise<Subject> => {
    if (byHand !== undefined) return connectByHand(newWorld(), byHand)
    const asked = validateSpec(network.space.name, { ...experimentRawSpec, ...spec })
    const [space] = (await up({ ...context, kernel }, [asked])).plan.spaces
    if (space === undefined) throw labFailed('up made no space')
    return { name: space.name, path: space.namespacePath, space }
  }
  const heal = () => {
    for (const world of worlds.splice(0).reverse()) world.heal()
  }
  try {
    const before = newWorld()
    for (const scenario of scenarios) scenario.before?.(before)
    const subject = await connect(Object.assign({}, ...scenarios.map(({ spec }) => spec)))
    const world = newWorld(subject.space)
    for (const scenario of scenarios) scenario.inject(world)
    const lacks = pretence.missing.get('all')
    const asked = {
      to,
      patience,
      ...(inbound === undefined ? {} : { inbound }),
      ...(lacks === undefined ? {} : { missing: () => lacks }),
    }
    const found = await diagnose(kernel, paths, subject, asked)
    heal()
    return { found, healed: await diagnose(kernel, paths, await connect({}), { to: host2, patience }) }
  } finally {
    heal()
    if (byHand === undefined) await down(context, [network.space.name])
  }
}

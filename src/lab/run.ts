import { LinuxKernel } from '../linux/linux.ts'
import { down } from '../space/reconcile/down.ts'
import type { Context, Plan } from '../space/reconcile/types.ts'
import { up } from '../space/reconcile/up.ts'
import { readSpaceRecord, statePaths } from '../space/state/records.ts'
import { type Step, stepOf, steps } from '../space/steps.ts'
import { stepEvidence } from '../space/text/evidence.ts'
import { articleOutside } from '../space/text/topics.ts'
import { attempt } from './attempt.ts'
import { proveConnected } from './experiment.ts'
import { experimentSpec } from './experiment-spec.ts'
import { showInbound } from './inbound.ts'
import { proveNothingLeft, takeSettledSnapshot } from './leftovers.ts'
import { showOutbound } from './outbound.ts'
import { labFailed, network } from './places.ts'
import { allHold, type Proof, prove } from './proof.ts'
import { showSameIdentifier } from './same-identifier.ts'
import { picture, type Screen } from './screen.ts'
import { showCaptures, showStory } from './show.ts'
import { rowObject } from './sightings.ts'
import type { LabResult, Stage } from './stage.ts'
import type { Teller } from './teller.ts'
import { buildTopology } from './topology.ts'
import type { Walk } from './way.ts'
import { failureProofs, type OmissibleStep, proveCable, proveCured } from './without.ts'

const { space } = network

/** The same as a command: what the lab does here can be done anywhere. */
const upCommand = [
  `natspace up ${space.name} --gateway ${space.gateway}/${network.prefixLength} --address ${space.address} \\`,
  `    --host-interface ${space.hostInterface} --interface ${space.interface} --uplink ${network.uplink} \\`,
  `    -p ${space.publishedPort}:${space.port} --fix-firewall`,
]

/** Builds host1, host2 and the LAN, and says so. Only inside a lab; throws NatspaceError. */
export const openLab = (screen: Screen): Context => {
  const kernel = new LinuxKernel()
  const start = performance.now()
  const kind = buildTopology(kernel)
  screen.say(...picture(), '')
  const how =
    kind === 'bridge'
      ? 'host2 and the LAN are namespaces, and a bridge is the switch'
      : 'host2 and the LAN are namespaces; this kernel has no bridges, so the LAN is a router with proxy ARP'
  screen.say(screen.paint.soft(`host1, ${how}: ready after ${since(start)}`))
  return { kernel, paths: statePaths('/run/natspace') }
}

/**
 * Brings the space up and shows its steps; `again` is the second time, when only what was left out is missing. Throws
 * NatspaceError.
 */
export const bringUp = async (
  screen: Screen,
  context: Context,
  { without = [], again = false }: { without?: readonly number[]; again?: boolean } = {},
): Promise<void> => {
  const start = performance.now()
  const { plan, changes } = await up(context, [experimentSpec()], { without })
  const took = since(start)
  screen.heading(again ? `natspace up ${space.name} … again, now with every step` : upCommand.join('\n'))
  screen.say(...stepLines(plan, without, screen))
  screen.say(screen.paint.soft(`${countText(changes)} in ${took}`))
}

const countText = (changes: number): string => (changes === 1 ? '1 change' : `${changes} changes`)

/** The steps that were taken, by their numbers; then what natspace adds to them. */
const stepLines = ({ operations }: Plan, without: readonly number[], { paint }: Screen): string[] => {
  const taken = new Set(operations.map(operation => stepOf(operation.step)))
  return steps.flatMap(step => {
    const number = step.number === undefined ? '·' : String(step.number)
    if (step.number !== undefined && without.includes(step.number))
      return [`  ${number}  ${paint.bad(`${step.title}: left out`)}`]
    return taken.has(step) ? [`  ${number}  ${step.title}`] : []
  })
}

/** Takes proofs as they are made, shows each, and returns them all. */
const collect = (screen: Screen, proofs: Iterable<Proof>): Proof[] => {
  const all: Proof[] = []
  for (const proof of proofs) {
    screen.proof(proof)
    all.push(proof)
  }
  return all
}

/** What the parts are played with, once the space is up. Throws NatspaceError LAB_FAILED when it is not. */
export const stageOf = ({ kernel, paths }: Context, teller: Teller): Stage => {
  const record = readSpaceRecord(kernel, paths, space.name)
  if (record === undefined) throw labFailed(`${space.name} has no record`)
  return { kernel, resolved: record.space, teller }
}

/** The whole experiment: up, every claim, down, and nothing left. Throws NatspaceError when something cannot even be tried. */
export const runExperiment = async (screen: Screen, teller: Teller): Promise<LabResult> => {
  const context = openLab(screen)
  using kernel = context.kernel
  const before = await takeSettledSnapshot(kernel)
  await bringUp(screen, context)
  screen.heading('What must then be seen')
  const connected = collect(screen, proveConnected(kernel))
  const stage = stageOf(context, teller)
  const outbound = await showOutbound(screen, stage)
  const identifiers = await showSameIdentifier(screen, context, stage)
  const inbound = await showInbound(screen, stage)
  const start = performance.now()
  const result = await down(context, [space.name])
  screen.heading(`natspace down ${space.name}`)
  screen.say(screen.paint.soft(`${countText(result.operations.length)} in ${since(start)}`))
  const after = await takeSettledSnapshot(kernel, before)
  const removed = prove('down took everything away', 'no problems', () => ({
    ok: result.problems.length === 0 && result.removed.includes(space.name),
    seen:
      result.problems.map(problem => problem.message).join('\n') || `removed ${result.removed.join(', ')}`,
  }))
  const gone = collect(screen, [removed, ...proveNothingLeft(before, after)])
  const parts = [outbound, identifiers, inbound]
  return {
    proofs: [...connected, ...parts.flatMap(part => part.proofs), ...gone],
    tables: Object.assign({}, ...parts.map(part => part.tables)),
  }
}

/** The experiment with one step left out, then with it. Throws NatspaceError when something cannot even be tried. */
export const runWithout = async (
  screen: Screen,
  number: OmissibleStep,
  teller: Teller,
): Promise<LabResult> => {
  const context = openLab(screen)
  using _kernel = context.kernel
  await bringUp(screen, context, { without: [number] })
  const stage = stageOf(context, teller)
  const { title, without, name } = steps.find(step => step.number === number) as Step
  screen.heading(`Without step ${number}: ${title}`)
  const cable = collect(screen, [proveCable()])
  const seen = await attempt(stage)
  const proofs = failureProofs(number, seen, stage)
  showCaptures(screen, seen.rows, proofs, teller)
  const failure = [...cable, ...proofs]
  showStory(screen, seen.story, teller)
  const { good, bad } = screen.paint
  screen.say(
    '',
    `${allHold(failure) ? good('as expected') : bad('NOT as expected')} without step ${number}: ${without}`,
  )
  screen.shownBy([stepEvidence(stage.resolved, name, articleOutside)])
  await bringUp(screen, context, { again: true })
  screen.say('')
  return { proofs: [...failure, ...collect(screen, [proveCured(number)])], tables: tablesOf(seen, teller) }
}

const tablesOf = ({ rows, story }: Walk, teller: Teller): LabResult['tables'] => ({
  captures: rows.map(rowObject),
  walk: teller.objects(story),
})

const since = (start: number): string => `${(performance.now() - start).toFixed(1)} ms`

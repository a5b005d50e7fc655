import { packetText } from '../../../insight/walk/header-text.ts'
import { attempt } from '../../../lab/attempt.ts'
import { proveConnected } from '../../../lab/experiment.ts'
import { experimentSpec } from '../../../lab/experiment-spec.ts'
import { labFailed, network } from '../../../lab/places.ts'
import type { Proof } from '../../../lab/proof.ts'
import { answeredRows, captureProofs, proveOnePacket } from '../../../lab/prove-captures.ts'
import { buildTopology } from '../../../lab/topology.ts'
import { failureProofs, type OmissibleStep, omissibleSteps, proveCable } from '../../../lab/without.ts'
import type { Kernel } from '../../../linux/kernel.ts'
import { NatspaceError } from '../../../space/errors.ts'
import { down } from '../../../space/reconcile/down.ts'
import type { Context } from '../../../space/reconcile/types.ts'
import { up } from '../../../space/reconcile/up.ts'
import { printable } from '../../../space/spec/quote.ts'
import type { ResolvedSpace } from '../../../space/spec/types.ts'
import { readSpaceRecord, recordedNames } from '../../../space/state/records.ts'
import { steps } from '../../../space/steps.ts'
import { stepCommands } from '../../../space/text/by-hand.ts'
import type { LabReport, LabState, Topology } from '../../protocol.ts'
import { probeFault } from '../walk/fault.ts'
import type { Pipelines } from '../walk/pipelines.ts'
import { pipelinesAt } from '../walk/probe-walk.ts'
import { walkOf } from '../walk/walk.ts'
import { rowCaptures } from './lab-captures.ts'
import { visitPublished } from './visit.ts'

/**
 * Theory of operation. The lab is the article's: host1 is the namespace of this process, host2 and the LAN are two more, and
 * they stay. What changes is the space: it is taken down and brought up again, whole or with one step left out, and one echo
 * to host2 is watched on every link. Packets are told as natspace trace tells them.
 */

const { space } = network
const teller = { packet: packetText, plain: printable }

/** What the last state of the lab is shown with. */
export type LabTools = {
  pipelines: Pipelines
  topology: (context: Context) => Topology
  nextId: () => string
}

export class Lab {
  #without: OmissibleStep | null = null
  #isUp = false

  /** Builds host1, host2 and the LAN. Only in namespaces made for it (settleInside); throws NatspaceError LAB_FAILED. */
  static build(kernel: Kernel): Lab {
    buildTopology(kernel)
    return new Lab()
  }

  get state(): LabState {
    return {
      up: this.#isUp,
      without: this.#without,
      omissible: [...omissibleSteps],
      steps: steps.flatMap(({ number, name }) => (number === undefined ? [] : [{ number, name }])),
    }
  }

  /** Brings the space up with every step. Throws as `up`. */
  async begin(context: Context): Promise<void> {
    await up(context, [experimentSpec()])
    this.#isUp = true
  }

  /**
   * Takes all spaces down and the article's up again, and tries it. Throws NatspaceError BAD_CHOICE for a step that cannot be
   * left out, and what `down`, `up` and `attempt` throw.
   */
  async set(context: Context, wanted: number | null, tools: LabTools): Promise<LabReport> {
    const without = omissible(wanted)
    this.#isUp = false
    this.#without = without
    const { problems } = await down(context, recordedNames(context.kernel, context.paths))
    if (problems[0] !== undefined) throw problems[0]
    await up(context, [experimentSpec()], { without: without === null ? [] : [without] })
    this.#isUp = true
    return this.#try(context, tools)
  }

  /** Lets host2 visit the published port; changes nothing. Throws as `visitPublished`. */
  async visit(context: Context, tools: LabTools): Promise<LabReport> {
    const { proofs, walk } = await visitPublished(context, tools)
    return { state: this.state, proofs: proofs.map(proofObject), walk }
  }

  async #try(context: Context, tools: LabTools): Promise<LabReport> {
    const { kernel, paths } = context
    const resolved = readSpaceRecord(kernel, paths, space.name)?.space
    if (resolved === undefined) throw labFailed(`${space.name} has no record`)
    const without = this.#without
    const begun = without === null ? [proveCable(), ...proveConnected(kernel)] : [proveCable()]
    const pipelines = pipelinesAt(context, tools.pipelines, resolved, 4)
    const topology = tools.topology(context)
    const seen = await attempt({ kernel, resolved })
    const proofs =
      without === null
        ? [...captureProofs('the echo', seen.rows, wholeRows, teller), proveOnePacket('the echo', seen.rows)]
        : failureProofs(without, seen, { teller })
    const target = { family: 4, protocol: 'icmp', address: network.host2 } as const
    const fault = await probeFault(context, resolved, target, seen.story)
    const walk = walkOf(tools.nextId(), seen.story, {
      pipelines,
      topology,
      captures: rowCaptures(seen.rows),
      ...(fault === undefined ? {} : { fault }),
    })
    return {
      state: this.state,
      proofs: [...begun, ...proofs].map(proofObject),
      walk,
      ...stepField(resolved, without),
    }
  }
}

/** The LAN is one more point: there it looks as it does at host2. */
const wholeRows = [...answeredRows, ...answeredRows.slice(-1)]

const proofObject = ({ name, expected, seen, ok }: Proof): LabReport['proofs'][number] => ({
  name,
  expected,
  seen,
  ok,
})

const stepField = (
  resolved: ResolvedSpace,
  without: number | null,
): { step?: LabReport['step'] & object } => {
  const step = steps.find(({ number }) => number === without)
  if (step?.number === undefined) return {}
  const { number, name, title, why, without: missing } = step
  return {
    step: { number, name, title, why, without: missing, commands: stepCommands(resolved, name).byHand },
  }
}

const omissible = (wanted: number | null): OmissibleStep | null => {
  if (wanted === null) return null
  const step = omissibleSteps.find(number => number === wanted)
  if (step !== undefined) return step
  throw new NatspaceError({
    code: 'BAD_CHOICE',
    exit: 2,
    what: `cannot leave out step ${wanted}`,
    why: 'without one of the steps 1 to 5 there is nothing to send by',
    fix: [`leave out one of ${omissibleSteps.join(', ')}`],
  })
}

import { observeProbe } from '../../../insight/trace/observe.ts'
import type { ProbeTarget } from '../../../insight/trace/probe.ts'
import { type Story, storyOf } from '../../../insight/trace/story.ts'
import type { Context } from '../../../space/reconcile/types.ts'
import type { ResolvedSpace } from '../../../space/spec/types.ts'
import type { Topology, Walk } from '../../protocol.ts'
import { storyCaptures } from './captures.ts'
import { probeFault } from './fault.ts'
import type { Pipelines } from './pipelines.ts'
import { walkOf } from './walk.ts'

export type ProbeWalk = {
  id: string
  space: ResolvedSpace
  target: ProbeTarget
  /** Milliseconds. */
  timeout: number
  /** Name of this host. */
  host: string
  pipelines: Pipelines
  topology: () => Topology
  /** Captures of its own at more points than a story has; closed by whoever opened them. */
  capturesOf?: (story: Story) => Walk['captures']
}

/** Sends a probe from inside a space, and returns its walk. Others get their turn meanwhile. Throws as `observeProbe`. */
export const probeWalk = async (context: Context, probe: ProbeWalk): Promise<Walk> => {
  const { kernel } = context
  const { id, space, target, timeout, host, capturesOf } = probe
  const pipelines = pipelinesAt(context, probe.pipelines, space, target.family)
  const topology = probe.topology()
  const seen = await observeProbe(kernel, space, target, { timeout, pause: turnOfOthers })
  if (seen === undefined) throw new Error('A probe ended before its time')
  const story = storyOf(seen)
  // Before the doctor looks, who makes packets too.
  const captures = capturesOf?.(story) ?? storyCaptures(story, host)
  const fault = await probeFault(context, space, target, story)
  return walkOf(id, story, {
    pipelines,
    topology,
    captures,
    ...(fault === undefined ? {} : { fault }),
  })
}

/** The hooks of a space and of the host. Throws what `Kernel.ruleset` throws. */
export const pipelinesAt = (
  { kernel }: Context,
  pipelines: Pipelines,
  { namespacePath }: ResolvedSpace,
  family: 4 | 6,
): Walk['pipelines'] => ({
  inside: pipelines.read(kernel, namespacePath, family),
  host: pipelines.read(kernel, undefined, family),
})

/** Never ends a probe. */
const turnOfOthers = (): Promise<boolean> => new Promise(resolve => setImmediate(() => resolve(false)))

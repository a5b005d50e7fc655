import { faultOf } from '../../../insight/doctor/catalogue.ts'
import { diagnose } from '../../../insight/doctor/diagnose.ts'
import type { Destination } from '../../../insight/doctor/facts.ts'
import { Facts } from '../../../insight/doctor/facts.ts'
import { type Finding, severityOf } from '../../../insight/doctor/finding.ts'
import { storyFinding } from '../../../insight/doctor/probe-findings.ts'
import type { Cause } from '../../../insight/doctor/rank.ts'
import type { Story } from '../../../insight/trace/story.ts'
import type { Context } from '../../../space/reconcile/types.ts'
import type { ResolvedSpace } from '../../../space/spec/types.ts'
import type { Walk } from '../../protocol.ts'

/** What the doctor's catalogue calls the end of a walk. */

type Fault = NonNullable<Walk['fault']>

/** Whether there is something to be explained. */
const isUnanswered = ({ end }: Story): boolean => end.outcome !== 'answered' && end.outcome !== 'refused'

/**
 * The fault of a probe that was not answered: everything is looked at as `natspace doctor` does, with the probe's own story
 * in place of another probe; the cause is told, not what follows from it. Undefined where it was answered. Throws as
 * `diagnose`.
 */
export const probeFault = async (
  { kernel, paths }: Context,
  space: ResolvedSpace,
  to: Destination,
  story: Story,
): Promise<Fault | undefined> => {
  if (!isUnanswered(story)) return undefined
  const subject = { name: space.name, path: space.namespacePath, space }
  const own = storyFinding(new Facts(kernel, paths, subject, to), story)
  const { causes } = await diagnose(kernel, paths, subject, { to, story })
  return faultFrom(causeOf(causes, own) ?? own)
}

/** The cause that is the walk's own finding or hides it; else the first grave one. */
const causeOf = (causes: readonly Cause[], { code }: Finding): Finding | undefined =>
  causes.find(cause => cause.code === code || cause.hides.some(hidden => hidden.code === code)) ??
  causes.find(cause => severityOf(cause) === 'error')

/** The same for a flow that was only followed, by its story alone: nothing is sent, and little is asked. Throws as `Facts`. */
export const flowFault = (facts: Facts, story: Story): Fault | undefined =>
  story.end.outcome === 'dropped' || story.end.outcome === 'lost'
    ? faultFrom(storyFinding(facts, story))
    : undefined

const faultFrom = ({ code, what, evidence, fix }: Finding): Fault => {
  const { title, why } = faultOf(code)
  return { code, title, why, what, evidence, fix }
}

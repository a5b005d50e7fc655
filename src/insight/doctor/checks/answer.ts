import { predictFlow } from '../../predict/predict.ts'
import type { Story } from '../../trace/story.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, nothing, resultOf } from '../finding.ts'
import { isStop, ruleFinding } from '../probe-findings.ts'
import { asSpace } from '../probing.ts'

/**
 * Of a packet that left this host and was not answered: whether rules here would stop the answer where no tracer sees it. At
 * the ingress of a link a packet belongs to no connection yet, by which the answers of a probe are told from others.
 */
export const checkAnswer = (facts: Facts, story: Story | undefined): CheckResult => {
  const space = asSpace(facts)
  if (story?.end.outcome !== 'delivered' || space === undefined) return nothing
  const prediction = predictFlow(facts.kernel, space, facts.destination)
  const { end, events } = prediction
  if (end.outcome === 'unknown')
    return { fine: [], findings: [], unchecked: [`what becomes of the answer: ${end.reason}`] }
  const stop = events.find(event => event.packet === 'reply' && event.kind === 'chain' && isStop(event))
  return end.outcome === 'dropped' && stop !== undefined
    ? resultOf([ruleFinding(facts, prediction, stop, 'the answer would be')])
    : nothing
}

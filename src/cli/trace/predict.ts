import { compare } from '../../insight/predict/compare.ts'
import { type PredictionFacts, readFacts } from '../../insight/predict/facts.ts'
import { flowTo, type PredictOptions, predict } from '../../insight/predict/predict.ts'
import type { Prediction } from '../../insight/predict/prediction.ts'
import type { ProbeTarget } from '../../insight/trace/probe.ts'
import type { Story } from '../../insight/trace/story.ts'
import type { Kernel } from '../../linux/kernel.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { type Output, toJson } from '../output.ts'
import { comparisonObjects, predictionObjects } from './predict-json.ts'
import { comparisonLines, predictionLines } from './predict-text.ts'
import { storyLines } from './text.ts'

/** Exit statuses of a prediction alone: something would stop it; it cannot be told. */
const statuses = { delivered: 0, dropped: 3, unknown: 4 } as const

/** Prints what would happen, and sends nothing; returns the exit status. */
export const printPrediction = (
  kernel: Kernel,
  space: ResolvedSpace,
  target: ProbeTarget,
  options: PredictOptions,
  output: Output,
): number => {
  const prediction = predict(readFacts(kernel, space), flowTo(target, options))
  output.lines(
    output.json
      ? predictionObjects(prediction).map(toJson)
      : predictionLines(prediction, output.style, output.verbose),
  )
  return statuses[prediction.end.outcome]
}

/** Facts that are read before a probe is sent; with the probe's own source port they give the prediction for it. */
export class ProbePrediction {
  readonly #facts: PredictionFacts
  readonly #target: ProbeTarget
  readonly #options: PredictOptions

  constructor(kernel: Kernel, space: ResolvedSpace, target: ProbeTarget, options: PredictOptions) {
    this.#facts = readFacts(kernel, space)
    this.#target = target
    this.#options = options
  }

  /** The prediction for the probe. The kernel chose the port when its socket was opened, so it is known by now. */
  of({ tuple }: Story): Prediction {
    const own = tuple.icmp?.id ?? tuple.sourcePort
    return predict(this.#facts, {
      ...flowTo(this.#target, { ...this.#options, ...(own === undefined ? {} : { sourcePort: own }) }),
      source: tuple.source,
    })
  }
}

/** Prints the story of a probe, and the prediction beside it. */
export const printCompared = (prediction: Prediction, story: Story, output: Output): void => {
  const comparison = compare(prediction, story)
  output.lines(
    output.json
      ? comparisonObjects(prediction, story, comparison).map(toJson)
      : [
          ...storyLines(story, output.style, output.verbose),
          ...comparisonLines(comparison, prediction, story, output.style, output.verbose),
        ],
  )
}

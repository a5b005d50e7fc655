import type { Answer, Finding } from './probe/answer.ts'
import { type Feature, type FeatureRow, features } from './probe/features.ts'
import { Place } from './probe/place.ts'

/**
 * What this kernel can do, asked of the kernel itself. Theory of operation: versions and configuration files tell little
 * (distributions port features back, modules are missing, containers forbid), so each feature is used once, in a network
 * namespace that is made for it and thrown away, never in the machine's own. The answer is yes, no, or unknown: only
 * a refusal that says "there is no such thing" is a no, and no is never concluded from a missing privilege. Yes and no
 * are kept for the life of the process. As always when a feature is used, the kernel may load a module for it.
 */

export type { Answer } from './probe/answer.ts'
export { type Feature, features } from './probe/features.ts'

/** Asks for a feature by name. */
export type Ask = (feature: Feature) => Answer

/** A feature that is missing, and not merely because another one is. */
export type MissingFeature = { feature: Feature; purpose: string; option: string; evidence: string }

/** Answers about a table of features, each kept once it is certain. */
export class Prober<F extends string> {
  readonly #rows: Readonly<Record<F, FeatureRow>>
  readonly #known = new Map<string, Answer>()

  constructor(rows: Readonly<Record<F, FeatureRow>>) {
    this.#rows = rows
  }

  /** Asks for one feature. Throws nothing: what hinders the question is the reason of `unknown`. */
  probe(feature: F): Answer {
    const known = this.#known.get(feature)
    if (known !== undefined) return known
    using place = new Place()
    return this.#ask(feature, place)
  }

  /** Asks for all features, in one namespace. */
  probeAll(): Record<F, Answer> {
    using place = new Place()
    const answers = {} as Record<F, Answer>
    for (const feature of Object.keys(this.#rows) as F[]) answers[feature] = this.#ask(feature, place)
    return answers
  }

  #ask(feature: F, place: Place): Answer {
    const known = this.#known.get(feature)
    if (known !== undefined) return known
    const answer = this.#withoutNeeds(feature, place) ?? this.#answer(this.#rows[feature], place)
    if (answer.answer !== 'unknown') this.#known.set(feature, answer)
    return answer
  }

  /** The answer where something that the question uses is not certainly there. */
  #withoutNeeds(feature: F, place: Place): Answer | undefined {
    for (const need of this.#rows[feature].needs ?? []) {
      const answer = this.#ask(need as F, place)
      if (answer.answer === 'no') return { ...answer, evidence: `needs ${need}: ${answer.evidence}` }
      if (answer.answer === 'unknown') return answer
    }
    return undefined
  }

  #answer({ ask, option }: FeatureRow, place: Place): Answer {
    let finding: Finding
    try {
      finding = ask(place)
    } catch (error) {
      return { answer: 'unknown', why: error instanceof Error ? error.message : String(error) }
    }
    if (finding === 'yes') return { answer: 'yes' }
    if ('unclear' in finding) return { answer: 'unknown', why: finding.unclear }
    return { answer: 'no', option: finding.option ?? option, evidence: finding.refused }
  }
}

let shared: Prober<Feature> | undefined

const prober = (): Prober<Feature> => {
  shared ??= new Prober(features())
  return shared
}

/** Whether this kernel has a feature, as far as this process may ask. Needs CAP_SYS_ADMIN and CAP_NET_ADMIN for most. */
export const probe = (feature: Feature): Answer => prober().probe(feature)

/** All features; see `probe`. Takes some milliseconds. */
export const probeAll = (): Record<Feature, Answer> => prober().probeAll()

/** Which of these features, and of those that they need, are certainly missing; what only follows from another is left out. */
export const missingFeatures = (wanted: readonly Feature[], ask: Ask = probe): MissingFeature[] => {
  const all = new Set<Feature>()
  const add = (feature: Feature): void => {
    for (const need of needsOf(feature)) add(need)
    all.add(feature)
  }
  for (const feature of wanted) add(feature)
  const missing: MissingFeature[] = []
  for (const feature of all) {
    if (!needsOf(feature).every(need => ask(need).answer === 'yes')) continue
    const answer = ask(feature)
    if (answer.answer !== 'no') continue
    const { option, evidence } = answer
    missing.push({ feature, purpose: features()[feature].purpose, option, evidence })
  }
  return missing
}

const needsOf = (feature: Feature): readonly Feature[] =>
  (features()[feature].needs ?? []) as readonly Feature[]

import { type Outcome, outcomes } from './verdicts.ts'

/** How many flows ended how. */
export class Tally {
  readonly #counts = new Map<Outcome, number>(outcomes.map(outcome => [outcome, 0]))

  /** Whether a flow did not get through because of this host, or for no known reason. */
  hasFault = false

  /** `hasGap`: something is not known of it, and what is not known is no fault. */
  add(outcome: Outcome, hasGap = false): void {
    this.#counts.set(outcome, this.of(outcome) + 1)
    if (outcome === 'dropped' || (outcome === 'lost' && !hasGap)) this.hasFault = true
  }

  of(outcome: Outcome): number {
    return this.#counts.get(outcome) ?? 0
  }

  get total(): number {
    return outcomes.reduce((sum, outcome) => sum + this.of(outcome), 0)
  }

  /** `3 flows: 2 answered, 1 dropped` */
  get text(): string {
    const parts = outcomes
      .filter(outcome => this.of(outcome) > 0)
      .map(outcome => `${this.of(outcome)} ${outcome}`)
    const { total } = this
    return `${total} ${total === 1 ? 'flow' : 'flows'}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`
  }

  get object(): Record<string, number> {
    return { flows: this.total, ...Object.fromEntries(outcomes.map(outcome => [outcome, this.of(outcome)])) }
  }
}

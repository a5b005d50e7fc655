import { median, pairedRatio } from './statistics.ts'

/** What one task took, in milliseconds, and, where it is compared, how ours relates to it. */
export type Row = {
  readonly name: string
  readonly what: string
  readonly rounds: number
  readonly median: number
  readonly min: number
  readonly max: number
  /** Ours divided by this one, the median over the rounds: below 1, ours is faster. */
  readonly ratio?: number
  /** The largest ratio that is good enough, and whether it was reached. */
  readonly budget?: number
  readonly met?: boolean
}

/** A row to be made: `against` is the name of our task whose times are divided by those of this one. */
export type Wanted = {
  readonly name: string
  readonly what: string
  readonly against?: string | undefined
  readonly budget?: number | undefined
}

/** The rows of those wanted tasks that were timed; a ratio only where ours was timed too. */
export function compare(times: ReadonlyMap<string, readonly number[]>, wanted: readonly Wanted[]): Row[] {
  return wanted.flatMap(({ name, what, against, budget }) => {
    const own = times.get(name)
    if (own === undefined) return []
    const row = { name, what, rounds: own.length, median: median(own), ...extremes(own) }
    const ours = against === undefined ? undefined : times.get(against)
    if (ours === undefined) return [row]
    const ratio = pairedRatio(ours, own)
    return [budget === undefined ? { ...row, ratio } : { ...row, ratio, budget, met: ratio <= budget }]
  })
}

const extremes = (values: readonly number[]) => ({ min: Math.min(...values), max: Math.max(...values) })

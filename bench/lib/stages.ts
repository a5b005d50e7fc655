/** What a command tells of itself with NATSPACE_TIMELINE, put together with a clock outside. Pure. */
import { median } from './statistics.ts'

/** One run: milliseconds by stage, those outside of the command's own clock among them, and what a clock outside saw. */
export type Run = { readonly stages: ReadonlyMap<string, number>; readonly total: number }

/** Before the command's own clock begins, and after its last word. */
export const outsideStages = { before: 'started', after: 'ended' } as const

/**
 * Reads a timeline, and adds what was before and after it. `spawned` and `reaped`: milliseconds since 1970, by the clock of
 * whoever started the command. Throws a RangeError where there is no timeline, or none that fits in between.
 */
export function readRun(text: string, spawned: number, reaped: number): Run {
  const origin = /^timeline in milliseconds, from (\d+\.\d+) on$/m.exec(text)?.[1]
  if (origin === undefined) throw new RangeError(`The command told no timeline: ${text.slice(0, 200)}`)
  const lines = [...text.matchAll(/^ *(\d+\.\d{3}) {2}(\S.*)$/gm)].map(
    ([, milliseconds, stage]) => [stage as string, Number(milliseconds)] as const,
  )
  const [, own = 0] = lines.at(-1) ?? []
  const before = Number(origin) - spawned
  const after = reaped - Number(origin) - own
  if (before < 0 || after < 0) throw new RangeError(`The timeline does not fit its run: ${before}, ${after}`)
  const stages = new Map([
    [outsideStages.before, before],
    ...lines.slice(0, -1),
    [outsideStages.after, after],
  ])
  return { stages, total: reaped - spawned }
}

/** What several runs of one command took. */
export type Profile = {
  /** The median of each stage; a run that had none of it counts as 0. */
  readonly stages: ReadonlyMap<string, number>
  /** The sum of these medians. */
  readonly sum: number
  /** The median of the whole runs. */
  readonly total: number
}

/** Throws a RangeError on no runs. */
export function profileOf(runs: readonly Run[]): Profile {
  const names = new Set(runs.flatMap(({ stages }) => [...stages.keys()]))
  const stages = new Map([...names].map(name => [name, median(runs.map(run => run.stages.get(name) ?? 0))]))
  return {
    stages,
    sum: [...stages.values()].reduce((sum, value) => sum + value, 0),
    total: median(runs.map(({ total }) => total)),
  }
}

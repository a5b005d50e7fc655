import type { Kernel } from '../../linux/kernel.ts'
import { libc } from '../../linux/sys/libc.ts'
import { KernelStages } from './kernel-stages.ts'
import { watchStages } from './stages.ts'

/**
 * NATSPACE_TIMELINE=1: where the time of a command went, on stderr at its end. Marks are kept in memory, a clock reading
 * and two entries of a list each, and nothing is printed before the end; what that and the loading of this file cost is a
 * stage of its own (`timeline`). What happened before the runtime began and after the last line only an outside clock can tell;
 * the first line says when that beginning was.
 */

/** A stage and when it ended, in milliseconds since the runtime began. */
export type Mark = readonly [stage: string, end: number]

/** The stages with what each took in milliseconds, in the order in which they first appear. Pure. */
export const durations = (marks: readonly Mark[]): Map<string, number> => {
  const sums = new Map<string, number>()
  let before = 0
  for (const [stage, end] of marks) {
    sums.set(stage, (sums.get(stage) ?? 0) + end - before)
    before = end
  }
  return sums
}

/** `origin`: when the runtime began, in milliseconds since 1970. */
export const timelineText = (marks: readonly Mark[], origin: number): string => {
  const total = marks.at(-1)?.[1] ?? 0
  const line = (milliseconds: number, stage: string) => `${milliseconds.toFixed(3).padStart(10)}  ${stage}`
  return [
    `timeline in milliseconds, from ${origin.toFixed(3)} on`,
    ...[...durations(marks)].map(([stage, milliseconds]) => line(milliseconds, stage)),
    line(total, 'all of these'),
    '',
  ].join('\n')
}

/** Begins the timeline of this process; `began`: when the first line of our code ran. `print` gets it at the end. */
export const beginTimeline = (began: number, print: (text: string) => void): void => {
  const marks: Mark[] = [['runtime', began]]
  const did = (stage: string): void => {
    marks.push([stage, performance.now()])
  }
  const watched = (kernel: Kernel): Kernel => new KernelStages(did).watched(kernel)
  const end = (): void => {
    did('printing')
    print(timelineText(marks, performance.timeOrigin))
  }
  watchStages({ did, watched, end })
  did('timeline')
  // Bound at its first use anyway; now, so that it is told from what uses it.
  libc()
  did('ffi')
}

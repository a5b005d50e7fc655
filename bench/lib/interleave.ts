import { BenchFailure } from './process.ts'

/**
 * Something to be timed again and again. `before` and `after` are not timed; `after` leaves the sandbox as `before`
 * found it. `timed` returns the figure that is wanted, such as milliseconds.
 */
export type Task = {
  readonly name: string
  readonly before?: () => void
  readonly timed: () => number
  readonly after?: () => void
}

export type Rounds = { readonly warmUps: number; readonly rounds: number }

/**
 * The kernel dismantles a deleted namespace later, in a worker that takes the same locks as the making of the next
 * one. What one task left to be done is not to be charged to the next.
 */
const settleMilliseconds = 50

/**
 * Runs the tasks in turn, A B C A B C …, so that a drift of the machine's speed hits all alike. Returns the
 * figures of each task by its name, one for each round after the warm-ups. `onRound` is told of each beginning.
 * Throws a BenchFailure that names the task when one fails.
 */
export function interleave(
  tasks: readonly Task[],
  { warmUps, rounds }: Rounds,
  onRound: (round: number, of: number) => void,
): Map<string, number[]> {
  const times = new Map<string, number[]>(tasks.map(({ name }) => [name, []]))
  const total = warmUps + rounds
  for (let round = 0; round < total; round++) {
    onRound(round + 1, total)
    for (const task of tasks) {
      const figure = once(task)
      if (round >= warmUps) times.get(task.name)?.push(figure)
    }
  }
  return times
}

function once({ name, before, timed, after }: Task): number {
  try {
    before?.()
    const figure = timed()
    after?.()
    Bun.sleepSync(settleMilliseconds)
    return figure
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error
    throw new BenchFailure(`${name}: ${error.message}`, { cause: error })
  }
}

import type { NatspaceError } from '../space/errors.ts'
import type { Onlooker, Progress } from '../space/reconcile/work.ts'
import { stopped, undone } from '../space/reconcile/work.ts'
import type { Input } from './command.ts'
import { deferSignals, noteSignals, undeferSignals } from './interrupt.ts'
import type { ProgressLine } from './progress.ts'

/** Milliseconds after which a person is told how far it has come. */
const patience = 1000

/** What a phase has done since it was first looked at, from which its rate is known. */
export type Looked = {
  progress: Progress
  /** When that was, in milliseconds, and how much was done by then. */
  since: number
  from: number
  /** Whether a signal has come, and the work goes on to where it can end. */
  isEnding?: boolean
}

type Surroundings = Pick<Input<Record<never, never>>, 'output' | 'environment'>

/** Watches over a command: stops it where a signal came, and shows on a terminal how far it is if it takes long. */
class CommandOnlooker implements Onlooker {
  readonly #surroundings: Surroundings
  readonly #begin = performance.now()
  #looked: Looked | undefined
  #isEnding = false
  /** Undefined until it is known; then the line, or null where there is none to show it. */
  #line: ProgressLine | null | undefined

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  async look(progress: Progress): Promise<NatspaceError | undefined> {
    deferSignals()
    const now = performance.now()
    const isSame = this.#looked?.progress.phase === progress.phase
    this.#looked = {
      ...(isSame && this.#looked ? this.#looked : { since: now, from: progress.done }),
      progress,
      isEnding: this.#isEnding,
    }
    if (this.#line === undefined && now - this.#begin >= patience) {
      const { openProgressLine } = await import('./progress.ts')
      this.#line = openProgressLine(this.#surroundings) ?? null
    }
    this.#line?.show(this.#looked, now)
    const ending = await noteSignals()
    if (ending === undefined) return undefined
    if (!this.#isEnding) {
      this.#isEnding = true
      this.#line?.show({ ...this.#looked, isEnding: true }, now)
    }
    return stopped(`stopped by ${ending.signal}`, undone, { exit: ending.status })
  }

  /** Leaves the terminal as if nothing had been shown. */
  end(): void {
    undeferSignals()
    this.#line?.erase()
  }
}

/** Does what may take long, with somebody who looks on. */
export const lookOn = async <T>(
  surroundings: Surroundings,
  section: (onlooker: Onlooker) => Promise<T>,
): Promise<T> => {
  const onlooker = new CommandOnlooker(surroundings)
  try {
    return await section(onlooker)
  } finally {
    onlooker.end()
  }
}

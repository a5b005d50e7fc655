/**
 * Ctrl-C and its kin. Where a command takes no time, everything between taking the lock and its end is one synchronous
 * section, in which no handler can run: a signal that arrives there waits until all is done, or undone. What takes longer
 * pauses a few times a second (src/space/reconcile/work.ts), and a signal is noted there, to be heeded where that is
 * possible. One that arrives while waiting for the lock ends the command at once, as nothing has been changed yet. Either
 * way the exit status tells of the signal.
 */
const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** A signal that ends programs, and the status of a command that was ended by it. */
export type Ending = { signal: keyof typeof statuses; status: (typeof statuses)[keyof typeof statuses] }

let areHandled = false
let isAtWork = false
let noted: Ending | undefined

export const endOnSignals = (): void => {
  if (areHandled) return
  areHandled = true
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      const status = statuses[signal]
      if (!isAtWork) process.exit(status)
      noted ??= { signal, status }
    })
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** From here on, in the middle of work, a signal is only noted. */
export const deferSignals = (): void => {
  endOnSignals()
  isAtWork = true
}

/** Here the work is over. */
export const undeferSignals = (): void => {
  isAtWork = false
}

/** In the middle of work: gives signals their turn, and returns the first that has come. */
export const noteSignals = async (): Promise<Ending | undefined> => {
  await turn()
  return noted
}

/** Gives a signal that came during the work its turn, before the command reports that all went well. */
export const heedSignals = async (): Promise<void> => {
  await turn()
  if (noted !== undefined) process.exit(noted.status)
}

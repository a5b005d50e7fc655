/**
 * Ctrl-C and its kin. Everything between taking the lock and the end of a command is one synchronous section, in which
 * no handler can run: a signal that arrives there waits until all is done, or undone. One that arrives while waiting for
 * the lock ends the command at once, as nothing has been changed yet. Either way the exit status tells of the signal.
 */
const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

export const endOnSignals = (): void => {
  for (const [signal, status] of Object.entries(statuses)) process.on(signal, () => process.exit(status))
}

/** Gives a signal that came during the synchronous section its turn, before the command reports that all went well. */
export const heedSignals = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/**
 * Notes Ctrl-C and its kin instead of ending at once, so that what a trace has opened is closed; returns a question for
 * the exit status of the signal that came.
 */
export const noteSignals = (): (() => number | undefined) => {
  let noted: number | undefined
  for (const [signal, status] of Object.entries(statuses))
    process.on(signal, () => {
      noted ??= status
    })
  return () => noted
}

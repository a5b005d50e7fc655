import { isTerminal } from '../../linux/sys/files.ts'

/** What signals asked a watch to do; asked between two looks, so that none ends a repair halfway. */
export type Signals = {
  /** The exit status of the signal that ended it: Ctrl-C is told, and an orderly stop is none of its failures. */
  ended(): number | undefined
  /** Whether it was asked to forget fights since the last time. */
  resumed(): boolean
}

/** Takes Ctrl-C and its kin from now on. SIGHUP means to begin anew, but where a terminal went away with it. */
export const takeSignals = (): Signals => {
  let status: number | undefined
  let resumed = false
  const end = (number: number) => () => {
    status ??= number
  }
  process.on('SIGINT', end(130))
  process.on('SIGTERM', end(0))
  process.on(
    'SIGHUP',
    isTerminal(1)
      ? end(129)
      : () => {
          resumed = true
        },
  )
  return {
    ended: () => status,
    resumed() {
      const was = resumed
      resumed = false
      return was
    },
  }
}

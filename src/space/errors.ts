/**
 * The one error type that leaves natspace's own code. Its fields are what the command prints: what happened, why,
 * the evidence, the fix and a stable code; the exit status follows the contract of the command (docs/command.md).
 */

/** Exit statuses of the command: 1 failed and rolled back, 2 usage, 3 something found, 4 no privilege, 5 lock timeout, 6 kernel feature missing, 129 and more stopped by a signal. */
export type ExitStatus = 1 | 2 | 3 | 4 | 5 | 6 | 129 | 130 | 143

/** What a NatspaceError is made of. */
export type ErrorFacts = {
  /** Stable, upper-case, e.g. `BAD_NAME`: scripts match on it and `natspace explain CODE` knows it. */
  code: string
  exit: ExitStatus
  /** One sentence without a full stop: what could not be done. */
  what: string
  /** One sentence: why not. */
  why: string
  /** What was seen: values, kernel messages, the overlapping route. */
  evidence?: string[]
  /** What to do about it: commands or sentences. */
  fix?: string[]
  cause?: unknown
}

/** Thrown for everything a user can cause or must know. Facts are fields, so `--json` prints them as they are. */
export class NatspaceError extends Error {
  override readonly name = 'NatspaceError'
  readonly code: string
  readonly exit: ExitStatus
  readonly what: string
  readonly why: string
  readonly evidence: string[]
  readonly fix: string[]

  constructor(facts: ErrorFacts) {
    super(`${facts.what}: ${facts.why}`, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = facts.code
    this.exit = facts.exit
    this.what = facts.what
    this.why = facts.why
    this.evidence = facts.evidence ?? []
    this.fix = facts.fix ?? []
  }
}

import { errnoName } from '../sys/errno.ts'

/** The kernel refused a request: which one, why, and where in the message. Every refusal leaves this folder as this type. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError'
  /** What was asked, e.g. `RTM_NEWLINK`. */
  readonly operation: string
  /** Index of the refused request in what was sent together. */
  readonly request: number
  readonly errno: number
  /** Symbolic errno, `EEXIST`. */
  readonly code: string
  /** The kernel's own sentence (extended acknowledgement), when it gave one. */
  readonly kernelMessage: string | undefined
  /** Path of the attribute the kernel pointed at, by our keys: ['linkInfo', 'veth', 'peer']. */
  readonly attributePath: string[]

  constructor(facts: {
    operation: string
    request: number
    errno: number
    kernelMessage?: string | undefined
    attributePath?: string[]
  }) {
    const path = facts.attributePath ?? []
    const details = [facts.kernelMessage, path.length > 0 ? `at ${path.join('.')}` : undefined].filter(
      Boolean,
    )
    super(
      `${facts.operation}: ${errnoName(facts.errno)}${details.length > 0 ? ` (${details.join(', ')})` : ''}`,
    )
    this.operation = facts.operation
    this.request = facts.request
    this.errno = facts.errno
    this.code = errnoName(facts.errno)
    this.kernelMessage = facts.kernelMessage
    this.attributePath = path
  }
}

/** A dump that changed while it was read, again and again: its content would mix two states. */
export class DumpInterruptedError extends Error {
  override readonly name = 'DumpInterruptedError'
  readonly attempts: number

  constructor(operation: string, attempts: number) {
    super(`${operation}: the list changed while it was read, ${attempts} times in a row`)
    this.attempts = attempts
  }
}

/** Events came faster than they were read and the kernel dropped some: what is known of the state must be read anew. */
export class EventsLostError extends Error {
  override readonly name = 'EventsLostError'

  constructor(cause: unknown) {
    super('events of the kernel were lost', { cause })
  }
}

/** Something on the socket that the protocol does not allow: a reply that stops short, none within the time limit, or too many for the buffer. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

import type { NetlinkError } from '../../netlink/errors.ts'
import type { NftCommand } from './command.ts'

/** One command that the kernel refused. */
export type Refusal = { command: NftCommand; error: NetlinkError }

/** What a command is about, in nft's words but without its content: the printer of rules is loaded only by who prints. */
const commandName = (command: NftCommand): string => {
  const [object, verb] = command.type.split('.')
  const name =
    'chain' in command
      ? typeof command.chain === 'string'
        ? command.chain
        : command.chain.name
      : 'set' in command
        ? typeof command.set === 'string'
          ? command.set
          : command.set.name
        : undefined
  return ['nft', verb, object, command.family, command.table, name].filter(Boolean).join(' ')
}

/** The kernel refused a batch; nothing of it was carried out. */
export class BatchError extends Error {
  override readonly name = 'BatchError'
  /** The first refused command; undefined when it was the batch as a whole (no privilege, say). */
  readonly command: NftCommand | undefined
  readonly errno: number
  /** Symbolic errno, `EEXIST`. */
  readonly code: string
  readonly kernelMessage: string | undefined
  readonly attributePath: string[]
  /** All refused commands, the first one too. */
  readonly refusals: Refusal[]

  constructor(error: NetlinkError, command: NftCommand | undefined, refusals: Refusal[]) {
    const what = command === undefined ? 'nft batch' : commandName(command)
    const detail = error.kernelMessage === undefined ? '' : ` (${error.kernelMessage})`
    const more = refusals.length > 1 ? `, and ${refusals.length - 1} more` : ''
    super(`${what}: ${error.code}${detail}${more}`, { cause: error })
    this.command = command
    this.errno = error.errno
    this.code = error.code
    this.kernelMessage = error.kernelMessage
    this.attributePath = error.attributePath
    this.refusals = refusals
  }
}

/** Somebody changed the ruleset since the generation that a batch was made for; nothing was carried out. */
export class GenerationChangedError extends Error {
  override readonly name = 'GenerationChangedError'
  readonly code = 'ERESTART'
  readonly generation: number
  /** How often it was tried. */
  readonly attempts: number

  constructor(generation: number, attempts = 1) {
    super(
      attempts === 1
        ? `The ruleset is no longer at generation ${generation}`
        : `The ruleset changed in all ${attempts} attempts to change it`,
    )
    this.generation = generation
    this.attempts = attempts
  }
}

/** A batch is larger than the socket may send at once. */
export class BatchTooLargeError extends Error {
  override readonly name = 'BatchTooLargeError'
  readonly code = 'EMSGSIZE'
  readonly bytes: number

  constructor(bytes: number, options: { cause: unknown }) {
    super(
      `A batch of ${bytes} bytes is more than this socket may send (net.core.wmem_max without privilege)`,
      options,
    )
    this.bytes = bytes
  }
}

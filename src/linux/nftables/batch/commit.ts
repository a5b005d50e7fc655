import { type Connection, type Request, request, type SentMessage } from '../../netlink/connection.ts'
import { NetlinkError, ProtocolError } from '../../netlink/errors.ts'
import { NLM_F } from '../../netlink/message.ts'
import { Writer } from '../../netlink/writer.ts'
import { errno, SystemError } from '../../sys/errno.ts'
import { batchMessage, batchTypes } from '../messages/generation.ts'
import type { NftCommand } from './command.ts'
import { encodeCommand } from './encode-command.ts'
import { writeRemembered } from './encoded.ts'
import { BatchError, BatchTooLargeError, GenerationChangedError, type Refusal } from './errors.ts'
import { readGeneration } from './generation.ts'

/**
 * Theory of operation. All commands go to the kernel in one datagram, between a begin and an end message, and take
 * effect together or not at all. The kernel answers only with errors, one for each message it refuses, and all of them
 * are queued when the send returns. With a generation in the begin message the kernel refuses the whole batch when
 * somebody changed the ruleset since: a decision made on what was read cannot meet another state.
 */

const edge = (name: keyof typeof batchTypes & `NFNL${string}`, generation: number | undefined): Request =>
  request(name, batchTypes[name], 0, batchMessage, {
    header: { family: 0, version: 0, resourceId: batchTypes.subsystem },
    attributes: generation === undefined ? {} : { generation },
  })

/**
 * Carries out all commands, or none. With `generation`, only if the ruleset is still at that generation. Throws
 * BatchError, GenerationChangedError, BatchTooLargeError, ProtocolError; EncodeError, RangeError or CompileError before anything is
 * sent. Equivalent to: `nft -f FILE`
 */
export const commit = (
  connection: Connection,
  commands: readonly NftCommand[],
  options: { generation?: number } = {},
): void => {
  if (commands.length === 0) return
  const writer = new Writer(16 * 1024)
  const sent: SentMessage[] = []
  const owners: (NftCommand | undefined)[] = []
  let setId = 0
  const write = (item: Request, owner: NftCommand | undefined): void => {
    sent.push(connection.write(writer, item, item.flags | NLM_F.request))
    owners.push(owner)
  }
  write(edge('NFNL_MSG_BATCH_BEGIN', options.generation), undefined)
  for (const command of commands) {
    const ready = writeRemembered(connection, writer, command)
    if (ready === undefined) for (const item of encodeCommand(command, () => ++setId)) write(item, command)
    else {
      sent.push(ready)
      owners.push(command)
    }
  }
  write(edge('NFNL_MSG_BATCH_END', undefined), undefined)
  const failures = exchange(connection, writer.bytes, sent)
  const first = failures[0]
  if (first === undefined) return
  const restarted = failures.find(error => error.errno === errno.ERESTART)
  if (restarted && options.generation !== undefined) throw new GenerationChangedError(options.generation)
  const refusals = failures.flatMap((error): Refusal[] => {
    const command = owners[error.request]
    return command === undefined ? [] : [{ command, error }]
  })
  throw new BatchError(first, owners[first.request], refusals)
}

const exchange = (connection: Connection, bytes: Uint8Array, sent: SentMessage[]): NetlinkError[] => {
  try {
    connection.send(bytes)
  } catch (cause) {
    if (cause instanceof SystemError && cause.errno === errno.EMSGSIZE)
      throw new BatchTooLargeError(bytes.length, { cause })
    throw cause
  }
  const failures: NetlinkError[] = []
  let lost: SystemError | undefined
  for (;;) {
    try {
      connection.collect(bytes, sent, false, (_, result) => {
        if (result instanceof NetlinkError) failures.push(result)
      })
      if (lost !== undefined && failures.length === 0)
        throw new ProtocolError('The kernel refused a batch, and its reasons were lost', { cause: lost })
      return failures
    } catch (error) {
      // More refusals than the receive buffer holds: those that fit are still to be read, and one is enough to know.
      if (!(error instanceof SystemError && error.errno === errno.ENOBUFS)) throw error
      lost = error
    }
  }
}

const commitAttempts = 10

/**
 * Builds commands for the present generation and commits them; builds anew when somebody changed the ruleset meanwhile.
 * Returns the commands that were carried out. Throws GenerationChangedError after ten attempts, and what `commit` throws.
 */
export const commitWithRetry = (
  connection: Connection,
  build: (generation: number) => readonly NftCommand[],
): readonly NftCommand[] => {
  for (let attempt = 1; ; attempt++) {
    const generation = readGeneration(connection).id
    const commands = build(generation)
    try {
      commit(connection, commands, { generation })
      return commands
    } catch (error) {
      if (!(error instanceof GenerationChangedError)) throw error
      if (attempt === commitAttempts) throw new GenerationChangedError(generation, attempt)
    }
  }
}

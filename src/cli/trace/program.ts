import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { ownCommand } from '../../lab/start.ts'
import { isTerminal } from '../../linux/sys/files.ts'

/**
 * Theory of operation. The program is started by `natspace exec`, as a child: resolvers, mounts and the user are as there. Its
 * streams are its own; only with --json its output goes to stderr, as stdout is for JSON. Signals are its own business as
 * well: at a terminal Ctrl-C reaches it by itself, others are handed on; when it has ended, we end.
 */

/** A program that runs in a space. */
export type RunningProgram = {
  /** Its exit status as a shell tells it; undefined while it runs. */
  status: number | undefined
  /** When it ended: milliseconds of performance.now. */
  endedAt: number | undefined
}

export type ProgramOptions = { asRoot: boolean; hasJson: boolean }

const handedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Starts a program in a space. Throws what spawn(2) does for our own executable. */
export const startProgram = (
  space: string,
  command: readonly string[],
  { asRoot, hasJson }: ProgramOptions,
): RunningProgram => {
  const [file = '', ...words] = ownCommand(process.execPath, process.argv[1])
  const args = [...words, 'exec', ...(asRoot ? ['--as-root'] : []), space, '--', ...command]
  const child = spawn(file, args, { stdio: ['inherit', hasJson ? 2 : 'inherit', 'inherit'] })
  const running: RunningProgram = { status: undefined, endedAt: undefined }
  const end = (status: number) => {
    running.status = status
    running.endedAt = performance.now()
  }
  child.once('error', () => end(failed))
  child.once('exit', (code, signal) => end(code ?? 128 + constants.signals[signal ?? 'SIGKILL']))
  const isOnTerminal = isTerminal(0)
  for (const signal of handedOn)
    process.on(signal, () => {
      // The terminal has sent it to both.
      if (signal !== 'SIGINT' || !isOnTerminal) child.kill(signal)
    })
  return running
}

/** As `exec` says that natspace itself failed. */
const failed = 125

import type { SpawnSyncOptionsWithStringEncoding, SpawnSyncReturns } from 'node:child_process'
import { createRequire } from 'node:module'

/**
 * Other people's firewalls are changed, and some can only be read, by their own programs. Nothing else of natspace runs a
 * program; so what it takes to run one is loaded when it is first needed.
 */

/** The programs that may be run: front ends of firewalls. */
export type ProgramName = 'ufw' | 'firewall-cmd' | 'iptables-legacy' | 'ip6tables-legacy' | 'nft'

/** Where the system keeps them. The PATH of whoever runs natspace has no say in what root executes. */
const path = '/usr/sbin:/usr/bin:/sbin:/bin'

/** Milliseconds: ufw and firewalld need up to a second on a small machine, and wait for a lock of their own. */
const patience = 30_000

/** What a program gave back that did not succeed. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError'
  readonly program: ProgramName
  /** Its exit status; undefined when it could not be started, or was ended. */
  readonly status: number | undefined
  /** Symbolic errno of starting it ('ENOENT': it is not installed; 'ETIMEDOUT'), or 'EXIT' when it ended with a status. */
  readonly code: string

  constructor(program: ProgramName, facts: { words: string; status?: number; code?: string }) {
    super(`${program}: ${facts.words}`)
    this.program = program
    this.status = facts.status
    this.code = facts.code ?? 'EXIT'
  }
}

/** Of spawnSync, `detached` is missing in the types of Node, which hands it on all the same. */
type Spawn = (
  program: string,
  words: string[],
  options: SpawnSyncOptionsWithStringEncoding & { detached: boolean },
) => SpawnSyncReturns<string>
type ChildProcess = { spawnSync: Spawn }

let loaded: ChildProcess | undefined

/** The bundler of the command needs the call in Bun's own form; Node knows it only by this detour in a module. */
const childProcess = (): ChildProcess => {
  loaded ??= process.versions.bun
    ? (require('node:child_process') as ChildProcess)
    : (createRequire(import.meta.url)('node:child_process') as ChildProcess)
  return loaded
}

/**
 * Runs an executable file to its end, in a session of its own, with a text as its standard input; what it says on its
 * standard error goes to ours. `patience` in milliseconds. Returns its standard output (at most 1 MiB), and its status or
 * why it has none.
 */
export const runExecutable = (
  file: string,
  options: { environment: Readonly<Record<string, string | undefined>>; input: string; patience: number },
): { status: number | undefined; output: string; failure: string | undefined } => {
  const { status, stdout, signal, error } = childProcess().spawnSync(file, [], {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'inherit'],
    input: options.input,
    maxBuffer: 1_048_576,
    detached: true,
    timeout: options.patience,
    killSignal: 'SIGKILL',
    env: Object.fromEntries(
      Object.entries(options.environment).filter(([, value]) => value !== undefined),
    ) as Record<string, string>,
  })
  const isDone = status !== null && (error as NodeJS.ErrnoException | undefined)?.code !== 'ETIMEDOUT'
  return {
    status: status ?? undefined,
    output: stdout ?? '',
    failure: isDone ? undefined : (error?.message ?? `ended by ${signal ?? 'a signal'}`),
  }
}

/**
 * Runs a program of the host to its end, without a shell, and returns what it printed to its standard output. It is in a
 * session of its own, so that Ctrl-C at the terminal does not end it halfway. `held` is a descriptor that it is given as
 * well: a lock that is thus held for as long as it runs, also if this process is killed meanwhile. Throws ProgramError with
 * its own words when it cannot be started, takes too long, or ends with another status than 0.
 */
export const runProgram = (program: ProgramName, words: readonly string[], held?: number): string => {
  const { status, stdout, stderr, error } = childProcess().spawnSync(program, [...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', ...(held === undefined ? [] : [held])],
    detached: true,
    timeout: patience,
    killSignal: 'SIGKILL',
    // Their words in English, as they are searched and shown beside ours.
    env: { PATH: path, LC_ALL: 'C.UTF-8' },
  })
  if (error !== undefined) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO'
    throw new ProgramError(program, { words: code === 'ENOENT' ? 'not installed' : error.message, code })
  }
  if (status !== 0) {
    const said = `${stderr}\n${stdout}`.trim().split(/\n+/).join('; ')
    const words = said || `ended with status ${status}`
    throw new ProgramError(program, status === null ? { words } : { words, status })
  }
  return stdout
}

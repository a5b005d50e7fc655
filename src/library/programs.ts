import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { hostFile } from '../space/exec/host-file.ts'
import { findProgram } from '../space/exec/program.ts'
import { readSpaceFacts } from '../space/exec/space-facts.ts'
import { chooseResolver } from '../space/resolver/resolver.ts'
import { type Errand, holdBack } from './errand.ts'
import { inside } from './inside.ts'

/**
 * Theory of operation. A process begins in the network namespace in which its parent's thread was. Its mounts are another
 * matter: a thread of this process cannot have some of its own for a moment, as it shares what belongs to them (the folder it
 * is in) with the others. So a program is started twice: the runtime, which mounts what a space needs and then becomes the
 * program, with the same process number, descriptors and environment. `mounts: false` starts the program at once.
 */

/** What a program printed, and how it ended. */
export type ProgramResult = { stdout: string; stderr: string; exitCode: number | null; signal: string | null }

/** A program that ended with another status than 0, or by a signal; with all that it printed. */
export class ProgramFailure extends Error {
  readonly result: ProgramResult

  constructor(command: string, result: ProgramResult) {
    const how = result.signal === null ? `exit status ${result.exitCode}` : `signal ${result.signal}`
    super(`${command} failed: ${how}${result.stderr === '' ? '' : `\n${result.stderr.trimEnd()}`}`)
    this.name = 'ProgramFailure'
    this.result = result
  }
}

/** The space in which a program is to run. */
export type Place = { name: string; namespacePath: string; recordPath: string }

/** What a program in a space can be given beside the options of node:child_process. */
export type MountOption = {
  /**
   * Whether the program sees what `natspace exec` shows: an /etc/resolv.conf whose resolvers can be asked from inside, the
   * files of /etc/netns/NAME, a /sys with the links of the space, and no resolver daemon of the host. Default: true. Without
   * it the program starts in a few milliseconds, as the runtime need not be started first, and has the files of the host.
   */
  mounts?: boolean
}

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const entry = fileURLToPath(new URL(`./program-entry.${extension}`, import.meta.url))

/** Starts a program in a space. Throws as `inside`; what the program itself lacks comes as its event `error`. */
export const spawnInside = (
  place: Place,
  command: string,
  args: readonly string[],
  { mounts = true, ...options }: SpawnOptions & MountOption,
): ChildProcess => {
  const start = mounts ? mountedStart(place, command, args, options) : undefined
  return inside(place.namespacePath, () =>
    start === undefined ? spawn(command, args, options) : spawn(process.execPath, start.args, start.options),
  )
}

/** undefined for what cannot be started anyway: spawn itself has the right words for that. Throws TypeError. */
const mountedStart = (
  place: Place,
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): { args: string[]; options: SpawnOptions } | undefined => {
  const { argv0, cwd, uid, gid, shell, env = process.env, stdio, ...others } = options
  if (Array.isArray(stdio) && stdio.includes('ipc'))
    throw new TypeError("a channel for messages ('ipc') needs the option mounts: false")
  const words = shell
    ? [typeof shell === 'string' ? shell : '/bin/sh', '-c', [command, ...args].join(' ')]
    : [command, ...args]
  const [file = command] = words
  const folder = cwd === undefined ? process.cwd() : typeof cwd === 'string' ? cwd : fileURLToPath(cwd)
  const found = existsSync(folder) ? findProgram(file, env.PATH, folder) : { problem: 'not-found' }
  if (!('path' in found)) return undefined
  const [own, group] = [process.geteuid?.(), process.getegid?.()]
  const isAnother = (uid ?? own) !== own || (gid ?? group) !== group
  const errand: Errand = {
    name: place.name,
    resolver: chooseResolver(readSpaceFacts(place.recordPath, warn), hostFile),
    program: found.path,
    argv0: argv0 ?? file,
    folder,
    kept: Array.isArray(stdio)
      ? stdio.flatMap((use, index) => (index < 3 || !use || use === 'ignore' ? [] : index))
      : [],
    ...(isAnother ? { identity: { user: uid ?? own ?? 0, group: gid ?? group ?? 0, groups: [] } } : {}),
  }
  return {
    args: [entry, JSON.stringify(errand), ...words.slice(1)],
    // The runtime reads settings from the folder it starts in, so that is one of nobody's.
    options: { ...others, env: holdBack(env), cwd: '/', ...(stdio === undefined ? {} : { stdio }) },
  }
}

const warn = (text: string): void => process.emitWarning(text, { type: 'NatspaceWarning' })

/** As node:child_process has them; `timeout` in milliseconds. */
export type RunOptions = MountOption &
  Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid' | 'signal' | 'timeout'> & {
    /** What the program reads on standard input. Default: nothing. */
    input?: string | Uint8Array
  }

/** Runs a program in a space to its end. Throws ProgramFailure, and what starting it throws (ENOENT, AbortError). */
export const runInside = (
  place: Place,
  command: string,
  args: readonly string[],
  { input, ...options }: RunOptions,
): Promise<ProgramResult> =>
  new Promise((resolve, reject) => {
    const child = spawnInside(place, command, args, { ...options, stdio: 'pipe' })
    const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    child.stdout?.on('data', (part: Buffer) => parts.stdout.push(part))
    child.stderr?.on('data', (part: Buffer) => parts.stderr.push(part))
    child.on('error', reject)
    // A program that does not read to the end closes the pipe: that is its right.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
    child.on('close', (exitCode, signal) => {
      const text = (list: Buffer[]) => Buffer.concat(list).toString()
      const result = { stdout: text(parts.stdout), stderr: text(parts.stderr), exitCode, signal }
      if (exitCode === 0) resolve(result)
      else reject(new ProgramFailure([command, ...args].join(' '), result))
    })
  })

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { inside } from './inside.ts'

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

/** Starts a program in a namespace. Throws as `inside`; what the program itself lacks comes as its event `error`. */
export const spawnInside = (
  path: string,
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess => inside(path, () => spawn(command, args, options))

/** As node:child_process has them; `timeout` in milliseconds. */
export type RunOptions = Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid' | 'signal' | 'timeout'> & {
  /** What the program reads on standard input. Default: nothing. */
  input?: string | Uint8Array
}

/** Runs a program in a namespace to its end. Throws ProgramFailure, and what starting it throws (ENOENT, AbortError). */
export const runInside = (
  path: string,
  command: string,
  args: readonly string[],
  { input, ...options }: RunOptions,
): Promise<ProgramResult> =>
  new Promise((resolve, reject) => {
    const child = spawnInside(path, command, args, { ...options, stdio: 'pipe' })
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

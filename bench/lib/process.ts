/** Programs run and timed from outside, as a user's clock would: from the spawn to the exit. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** A failure told in words alone: a stack trace would not help its reader. */
export class BenchFailure extends Error {}

/** One program with its arguments, what it reads on standard input, and what is added to its environment. */
export type Command = {
  readonly run: readonly [string, ...string[]]
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Programs of the administrator, such as ip and nft, are not on an ordinary user's PATH in Debian. */
const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`

/** The same small environment for everyone: nothing of the caller's own settings may reach what is timed. */
export const environment = { PATH: path, LC_ALL: 'C', HOME: '/run/home', TMPDIR: '/run/tmp' }

const timeLimit = 60_000

/** Runs a command to its end; returns the milliseconds it took and its standard output. Throws when it fails. */
export function timed({ run, input, environment: added }: Command): { milliseconds: number; output: string } {
  const options = {
    cmd: [...run],
    stdin: input === undefined ? ('ignore' as const) : Buffer.from(input),
    stdout: 'pipe' as const,
    stderr: 'pipe' as const,
    env: { ...environment, ...added },
    timeout: timeLimit,
  }
  const start = process.hrtime.bigint()
  const result = Bun.spawnSync(options)
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6
  if (!result.success) {
    const how = result.signalCode ?? `status ${result.exitCode}`
    throw new BenchFailure(`${run.join(' ')} failed (${how}):\n${result.stderr}${result.stdout}`.trim())
  }
  return { milliseconds, output: result.stdout.toString() }
}

/** The standard output of a command, without its last newline. Throws when it fails. */
export const ask = (...run: readonly [string, ...string[]]): string => timed({ run }).output.trimEnd()

/** The sum of the milliseconds of several commands, one after another. Throws at the first that fails. */
export const timedAll = (...commands: readonly Command[]): number =>
  commands.reduce((sum, command) => sum + timed(command).milliseconds, 0)

/** The path of a program on PATH or in these folders, or undefined. Equivalent to: `command -v NAME`. */
export const findProgram = (name: string, folders: readonly string[] = []): string | undefined =>
  [...folders, ...path.split(':').filter(Boolean)].map(folder => join(folder, name)).find(existsSync)

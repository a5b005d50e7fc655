/** Programs run and timed from outside, as a user's clock would: from the spawn to the exit. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A failure told in words alone: a stack trace would not help its reader. */
export class BenchFailure extends Error {}

/** One program with its arguments, what it reads on standard input, and what is added to its environment. */
export type Command = {
  readonly run: readonly [string, ...string[]]
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  /** Seconds after which it is ended, and has failed; default: 60. */
  readonly seconds?: number
}

/** Programs of the administrator, such as ip and nft, are not on an ordinary user's PATH in Debian. */
const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`

/** The same small environment for everyone: nothing of the caller's own settings may reach what is timed. */
export const environment = { PATH: path, LC_ALL: 'C', HOME: '/run/home', TMPDIR: '/run/tmp' }

/** Who starts the programs while their memory is measured, and the most that any of them had so far, in MiB. */
let gauge: { readonly program: string; most: number } | undefined

const gaugeFile = '/run/tmp/peak-of-one'

const noteMemory = (): void => {
  if (gauge !== undefined) gauge.most = Math.max(gauge.most, Number(readFileSync(gaugeFile, 'utf8')) / 1024)
}

/**
 * What `section` returns, and the most memory that any program had resident which it started, in MiB. `program` is what is
 * compiled from peers/peak.c; it starts them, for which half a millisecond each is added to their time. Throws when one fails.
 */
export function withPeak<T>(program: string, section: () => T): { value: T; peak: number } {
  const own = { program, most: 0 }
  gauge = own
  try {
    return { value: section(), peak: own.most }
  } finally {
    gauge = undefined
  }
}

/** Runs a command to its end; returns the milliseconds it took and its standard output. Throws when it fails. */
export function timed({ run, input, environment: added, seconds = 60 }: Command): {
  milliseconds: number
  output: string
} {
  const options = {
    cmd: gauge === undefined ? [...run] : [gauge.program, gaugeFile, ...run],
    stdin: input === undefined ? ('ignore' as const) : Buffer.from(input),
    stdout: 'pipe' as const,
    stderr: 'pipe' as const,
    env: { ...environment, ...added },
    timeout: seconds * 1000,
  }
  const start = process.hrtime.bigint()
  const result = Bun.spawnSync(options)
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6
  if (!result.success) {
    const how = result.signalCode ?? `status ${result.exitCode}`
    throw new BenchFailure(`${run.join(' ')} failed (${how}):\n${result.stderr}${result.stdout}`.trim())
  }
  noteMemory()
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

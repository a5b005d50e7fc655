/** Who is timed: each makes the space of the reference experiment, published port included, and takes it back. */
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { ask, findProgram } from '../lib/process.ts'

export type Contender = {
  readonly name: string
  /** One line for the table. */
  readonly what: string
  /** Why it cannot take part and what to install, or undefined when it can. */
  readonly missing: () => string | undefined
  /** Untimed, once, before the first round. */
  readonly prepare?: () => void
  /** Makes the space; returns the milliseconds that it took. */
  readonly up: () => number
  /** Takes back what `up` made, as far as the tool itself can. Untimed. */
  readonly down: () => void
  /** Names and versions of the programs it is made of. */
  readonly versions: () => Readonly<Record<string, string>>
}

/** What is missing of a Debian package, by its programs; the sentence for `Contender.missing`. */
export function missingPrograms(
  packageName: string,
  programs: readonly string[],
  folders: readonly string[] = [],
): string | undefined {
  const missing = programs.filter(program => findProgram(program, folders) === undefined)
  if (missing.length === 0) return undefined
  return `${missing.join(', ')} not found: sudo apt-get install -y ${packageName}`
}

/** Why the compiled command cannot take part, or undefined when it can. */
export const missingCommand = (program: string): string | undefined =>
  existsSync(program) ? undefined : `${relative(process.cwd(), program)} is not there: npm run build`

/** The compiled command's version, for the description of the machine. */
export const versionOf = (program: string): { natspace: string } => ({
  natspace: ask(program, '--version').replace('natspace ', ''),
})

/** Where the namespace of the reference experiment is named. */
export const namespaceFile = '/run/netns/myspace'

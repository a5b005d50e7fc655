/**
 * The second start of a program in a space: a process that gets mounts of its own, as only a process with one thread can,
 * and becomes the program (see programs.ts). The network namespace it was born into.
 */

import { readFileSync } from 'node:fs'
import { becomeUser } from '../linux/sys/process.ts'
import { becomeProgram } from '../space/exec/become-program.ts'
import { mountForSpace } from '../space/exec/mounts.ts'
import { type Errand, heldVariable } from './errand.ts'

/** natspace failed, and not the program: as natspace exec and other programs that start programs have it. */
const failed = 125

const [words = '', ...args] = process.argv.slice(2)

/** As this process was given it: runtimes add variables of their own, and of .env files. */
const givenEnvironment = (): Record<string, string> => {
  const pairs = readFileSync('/proc/self/environ', 'utf8').split('\0').filter(Boolean)
  const given = Object.fromEntries(
    pairs.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  )
  const { [heldVariable]: held = '{}', ...others } = given
  return { ...others, ...JSON.parse(held) }
}

const complain = (text: string): void => {
  process.stderr.write(`natspace: ${text}\n`)
}

try {
  const { name, resolver, program, argv0, folder, identity, kept } = JSON.parse(words) as Errand
  const environment = givenEnvironment()
  process.chdir(folder)
  mountForSpace({ name, resolver, warn: complain })
  if (identity !== undefined) becomeUser(identity)
  becomeProgram(program, [argv0, ...args], environment, kept)
} catch (error) {
  complain((error as Error).message)
  process.exitCode = failed
}

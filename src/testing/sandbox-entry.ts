/**
 * The second start of the sandbox: the first process inside its namespaces. It furnishes them, runs the command, and tells
 * on descriptor 3 how that ended; with it the kernel ends every process that is left (see sandbox.ts).
 */

import { spawn } from 'node:child_process'
import { closeSync, writeSync } from 'node:fs'
import { findProgram } from '../space/exec/program.ts'
import { furnish } from './furnish.ts'

/** Where the caller reads how the command ended. */
const report = 3

const [kind, program, ...args] = process.argv.slice(2)

const end = (exitCode: number | null, signal: string | null): void => {
  writeSync(report, JSON.stringify({ exitCode, signal }))
  closeSync(report)
  process.exit(0)
}

const complain = (text: string, exitCode: number): void => {
  process.stderr.write(`natspace sandbox: ${text}\n`)
  end(exitCode, null)
}

try {
  furnish(kind === 'uplink')
  if (program === undefined) complain('there is no command', 125)
  else {
    const found = findProgram(program, process.env.PATH)
    if ('problem' in found && found.problem === 'not-found')
      complain(`${JSON.stringify(program)} is not there`, 127)
    else
      spawn(program, args, { stdio: 'inherit' })
        .on('error', error => complain(error.message, 126))
        .on('exit', end)
  }
} catch (error) {
  complain((error as Error).message, 125)
}

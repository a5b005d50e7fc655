/** The second start of the sandbox: inside its namespaces; furnishes them, and becomes the command (see sandbox.ts). */

import { replaceProcess } from '../linux/sys/process.ts'
import { findExecutable, furnish } from './furnish.ts'

const [kind, ...command] = process.argv.slice(2)
const [program] = command
if (program === undefined) {
  process.stderr.write('natspace sandbox: there is no command\n')
  process.exit(125)
}
furnish(kind === 'uplink')
const path = findExecutable(program, process.env.PATH)
if (path === undefined) {
  process.stderr.write(`natspace sandbox: ${JSON.stringify(program)} is not there\n`)
  process.exit(127)
}
replaceProcess(path, command, process.env)

import { writeFileSync } from 'node:fs'
import { ask } from '../lib/process.ts'

const source = '/run/tmp/empty.ts'
const program = '/run/tmp/empty'

/** Compiles an empty program just as scripts/build.mjs compiles natspace, and returns its path: the runtime alone. */
export function compileEmptyProgram(): string {
  writeFileSync(source, '')
  const options = ['--compile', '--minify', '--bytecode', '--format=cjs']
  const safety = ['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig']
  ask(process.execPath, 'build', ...options, ...safety, source, '--outfile', program)
  return program
}

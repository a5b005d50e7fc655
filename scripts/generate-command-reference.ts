/** Writes docs/command.md. Run after any change of the command's options or texts. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandReference } from '../src/cli/reference.ts'

writeFileSync(join(import.meta.dirname, '../docs/command.md'), await commandReference())

/** Writes docs/ruleset.md. Run after any change of the table, or of what is said about it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rulesetReference } from '../src/space/ruleset/reference.ts'

writeFileSync(join(import.meta.dirname, '../docs/ruleset.md'), rulesetReference())

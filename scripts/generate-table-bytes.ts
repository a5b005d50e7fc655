/** Writes src/space/ruleset/table-bytes.ts: the messages that make natspace's table. Run after any change of the table. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeCommands } from '../src/linux/nftables/index.ts'
import { plainTableCommands } from '../src/space/ruleset/commands.ts'

const base64 = Buffer.from(encodeCommands(plainTableCommands())).toString('base64')
const lines = base64.match(/.{1,104}/g) ?? []
const text = `// DO NOT EDIT: made by scripts/generate-table-bytes.ts from table.ts; commands.test.ts holds both equal.

/** The netlink messages of \`tableCommands\`, for little-endian CPUs, in base64. */
export const tableBytes =
${lines.map(line => `  '${line}'`).join(' +\n')}
`
writeFileSync(join(import.meta.dirname, '../src/space/ruleset/table-bytes.ts'), text)

/**
 * Writes src/space/ruleset/table-bytes.ts, the messages that make natspace's table, table-outline.ts, its chains, and
 * table-echo.ts, its rules as a kernel gives them back. Run after any change of the table, as root or where users may make namespaces.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LinuxKernel } from '../src/linux/linux.ts'
import { encodeCommands } from '../src/linux/nftables/index.ts'
import { tableName } from '../src/space/marks.ts'
import { plainTableCommands } from '../src/space/ruleset/commands.ts'
import { chainDefinitions } from '../src/space/ruleset/table.ts'

/** Set in the namespaces in which the table is made. */
const inside = 'NATSPACE_TABLE_ECHO'

const fileText = (name: string, held: string, about: string, bytes: Uint8Array): string => {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,104}/g) ?? []
  return `// DO NOT EDIT: made by scripts/generate-table-bytes.ts from table.ts; ${held}.

/** ${about} */
export const ${name} =
${lines.map(line => `  '${line}'`).join(' +\n')}
`
}

const outlineText = (): string => {
  const lines = chainDefinitions().map(({ name, base, rules }) => {
    const place =
      base === undefined
        ? ''
        : `base: { type: '${base.type}', hook: '${base.hook}', priority: ${base.priority} }, `
    return `  { name: '${name}', ${place}rules: ${rules.length} },`
  })
  return `// DO NOT EDIT: made by scripts/generate-table-bytes.ts from table.ts; commands.test.ts holds both equal.
import type { ChainDefinition } from './chains.ts'

/** The chains of the table and how many rules each has: what can be told of them without writing the rules down. */
export const tableOutline: readonly (Pick<ChainDefinition, 'name' | 'base'> & { rules: number })[] = [
${lines.join('\n')}
]
`
}

const write = (file: string, text: string): void =>
  writeFileSync(join(import.meta.dirname, '../src/space/ruleset', file), text)

/** Makes the table in this namespace, and prints what comes back: of each rule its length and its instructions. */
const printEcho = (): void => {
  using kernel = new LinuxKernel()
  kernel.change([
    { type: 'nftables.commit', where: undefined, commands: plainTableCommands(), generation: undefined },
  ])
  const [table] = kernel.ruleset(undefined, { family: 'inet', table: tableName }).tables
  const rules = chainDefinitions().flatMap(
    ({ name }) => table?.chains.find(chain => chain.name === name)?.rules ?? [],
  )
  const parts = rules.flatMap(({ encoded = new Uint8Array() }) => {
    const length = Buffer.alloc(2)
    length.writeUInt16LE(encoded.length)
    return [length, Buffer.from(encoded)]
  })
  process.stdout.write(Buffer.concat(parts))
}

/** What printEcho prints in namespaces of its own. */
const readEcho = (): Uint8Array => {
  const flags = process.getuid?.() === 0 ? '-n' : '-Urn'
  const { status, stdout, stderr } = spawnSync('unshare', [flags, process.execPath, import.meta.filename], {
    env: { ...process.env, [inside]: '1' },
    timeout: 30_000,
  })
  if (status !== 0 || stdout.length === 0) throw new Error(`the table cannot be made: ${stderr}`)
  return stdout
}

if (process.env[inside] !== undefined) printEcho()
else {
  write('table-outline.ts', outlineText())
  const messages = 'The netlink messages of `tableCommands`, for little-endian CPUs, in base64.'
  write(
    'table-bytes.ts',
    fileText(
      'tableBytes',
      'commands.test.ts holds both equal',
      messages,
      encodeCommands(plainTableCommands()),
    ),
  )
  const echo =
    'The rules of the table as little-endian Linux 6.18 gives them back, in base64; see rule-echo.ts.'
  write('table-echo.ts', fileText('tableEcho', 'table-echo.test.ts holds both equal', echo, readEcho()))
}

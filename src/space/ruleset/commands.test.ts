import { expect, test } from 'bun:test'
import { encodeCommands } from '../../linux/nftables/index.ts'
import { plainTableCommands, tableCommands } from './commands.ts'
import { chainDefinitions } from './table.ts'
import { tableBytes } from './table-bytes.ts'
import { tableOutline } from './table-outline.ts'

test('the messages kept beforehand are those that the table compiles to (else: bun scripts/generate-table-bytes.ts)', () => {
  expect(tableBytes).toBe(Buffer.from(encodeCommands(plainTableCommands())).toString('base64'))
})

test('the commands stay plain data', () => {
  expect(tableCommands()).toEqual(plainTableCommands())
})

test('the outline is that of the table', () => {
  const outline = chainDefinitions().map(({ name, base, rules }) => ({
    name,
    ...(base === undefined ? {} : { base }),
    rules: rules.length,
  }))
  expect(tableOutline).toEqual(outline)
})

import { expect, test } from 'bun:test'
import { encodeCommands } from '../../linux/nftables/index.ts'
import { plainTableCommands, tableCommands } from './commands.ts'
import { tableBytes } from './table-bytes.ts'

test('the messages kept beforehand are those that the table compiles to (else: bun scripts/generate-table-bytes.ts)', () => {
  expect(tableBytes).toBe(Buffer.from(encodeCommands(plainTableCommands())).toString('base64'))
})

test('the commands stay plain data', () => {
  expect(tableCommands()).toEqual(plainTableCommands())
})

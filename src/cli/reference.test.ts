import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandReference } from './reference.ts'

test('docs/command.md is what the help says (else: bun scripts/generate-command-reference.ts)', async () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/command.md'), 'utf8')
  expect(text).toBe(await commandReference())
})

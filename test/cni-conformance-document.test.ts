import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { conformanceCases } from './support/cni-conformance/cases.ts'
import { conformanceDocument } from './support/cni-conformance/document.ts'

test('docs/cni-conformance.md tells of the cases that are tried (else: bun scripts/generate-cni-conformance.ts)', () => {
  const written = readFileSync(join(import.meta.dirname, '../docs/cni-conformance.md'), 'utf8')
  expect(written).toBe(conformanceDocument())
})

test('every case has a name of its own', () => {
  expect(new Set(conformanceCases.map(({ id }) => id)).size).toBe(conformanceCases.length)
})

/** docs/faults.md is what the catalogue and the scenarios say, and its figures are of the scenarios that there are. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { scenarios } from '../src/lab/scenarios/index.ts'
import { faultsReference, type RecordedRun } from '../src/lab/scenarios/reference.ts'

const read = (path: string): string => readFileSync(join(import.meta.dirname, '..', path), 'utf8')
const runs = JSON.parse(read('test/golden/doctor-scenarios.json')) as RecordedRun[]

test('docs/faults.md is up to date (else: bun scripts/generate-faults-doc.ts)', () => {
  expect(read('docs/faults.md')).toBe(faultsReference(runs))
})

test('every scenario was recorded, and the doctor named it alone', () => {
  expect(runs).toEqual(scenarios.map(({ code, title }) => ({ code, title, found: [code] })))
})

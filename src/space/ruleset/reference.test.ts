import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chainsAbout, setsAbout } from './about.ts'
import { rulesetReference } from './reference.ts'
import { chainDefinitions, setDefinitions } from './table.ts'

const names = (items: readonly { name: string }[]) => items.map(({ name }) => name).toSorted()

test('every chain and every set says what it is for, and nothing else does', () => {
  expect(Object.keys(chainsAbout).toSorted()).toEqual(names(chainDefinitions()))
  expect(Object.keys(setsAbout).toSorted()).toEqual(names(setDefinitions))
  for (const text of [...Object.values(chainsAbout), ...Object.values(setsAbout)])
    expect(text).toMatch(/^[A-Z][^|\n]{10,}\.$/)
})

test('every chain is in the document, once: none is left without a way to it', () => {
  const headings = [...rulesetReference().matchAll(/^### (\w+)$/gm)].map(([, name]) => ({ name: name ?? '' }))
  expect(names(headings)).toEqual(names(chainDefinitions()))
})

test('docs/ruleset.md is what the rules are (else: bun scripts/generate-ruleset-doc.ts)', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/ruleset.md'), 'utf8')
  expect(text).toBe(rulesetReference())
})

/** docs/api.md says what the library exports, and all of it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as library from '../../dist/lib/index.js'
import { apiDocument } from '../../scripts/lib/api-document.mjs'

const document = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8')

test('the document is as the sources are now: node scripts/generate-api-doc.mjs', () => {
  assert.equal(document, apiDocument())
})

test('every function and class that a program gets has its place and its words', () => {
  for (const name of Object.keys(library)) {
    const [, words] = new RegExp(`^#### ${name}\\n\\n([^\`\\n][^\\n]*)`, 'm').exec(document) ?? []
    assert.ok(words, `${name} has no comment`)
  }
})

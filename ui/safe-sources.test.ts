/** What the page shows comes from packets, processes and rules of anybody: it is only ever written as text. */
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const source = join(import.meta.dirname, 'src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  name => /\.(?:svelte|ts|css)$/.test(name) && !name.endsWith('.test.ts'),
)

const forbidden: Record<string, RegExp> = {
  'markup made of text':
    /\{@html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc/,
  'code made of text': /\beval\(|new Function\(|set(?:Timeout|Interval)\(\s*['"`]/,
  'something from elsewhere': /(?:src|href|url|fetch|import)\s*[=(]\s*['"`](?:https?:)?\/\//,
  'a script address': /javascript:/,
}

for (const [what, pattern] of Object.entries(forbidden)) {
  test(`no source of the page has ${what}`, () => {
    expect(files.length).toBeGreaterThan(50)
    expect(files.filter(name => pattern.test(readFileSync(join(source, name), 'utf8')))).toEqual([])
  })
}

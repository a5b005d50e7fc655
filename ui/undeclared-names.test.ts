/**
 * The compiler of TypeScript does not read components, so a name that nobody imported would only be missed when its view is
 * opened. Here what the components are compiled to is read instead, for that one mistake.
 */
import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { compile } from 'svelte/compiler'

const source = join(import.meta.dirname, 'src')
const compiler = join(import.meta.dirname, '../node_modules/typescript/bin/tsc')

/** 'Cannot find name', and the same with a proposal. */
const notFound = /error TS(?:2304|2552|18004):/

const undeclaredIn = (files: ReadonlyMap<string, string>): string[] => {
  const folder = mkdtempSync(join(tmpdir(), 'natspace-components-'))
  try {
    for (const [name, text] of files) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    const options = [
      '--noEmit',
      '--allowJs',
      '--checkJs',
      '--target',
      'esnext',
      '--module',
      'esnext',
      '--lib',
      'esnext,dom',
    ]
    const rest = [
      '--moduleResolution',
      'bundler',
      '--types',
      '',
      '--strict',
      'false',
      '--noResolve',
      '--ignoreConfig',
    ]
    const { stdout } = spawnSync(process.execPath, [compiler, ...options, ...rest, ...files.keys()], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, BUN_BE_BUN: '1' },
    })
    return stdout.split('\n').filter(line => notFound.test(line))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const compiled = (name: string, text: string): string =>
  compile(text, { filename: name, generate: 'client', fragments: 'tree' }).js.code

test('a name that nobody declared is found, in the script and in the markup', () => {
  const bad = compiled(
    'Bad.svelte',
    '<script lang="ts">const a = missingInScript()</script><p>{missingInMarkup} {a}</p>',
  )
  const found = undeclaredIn(new Map([['Bad.svelte.js', bad]])).join('\n')
  expect(found).toContain("'missingInScript'")
  expect(found).toContain("'missingInMarkup'")
}, 60_000)

test('every name in every component is declared', () => {
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.svelte'),
  )
  expect(names.length).toBeGreaterThan(10)
  const files = new Map(
    names.map(name => [`${name}.js`, compiled(name, readFileSync(join(source, name), 'utf8'))]),
  )
  expect(undeclaredIn(files)).toEqual([])
}, 60_000)

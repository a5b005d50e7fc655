/** Every example of docs/library.md, as it stands there, in the sandbox; on this Node, and on Bun. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runInSandbox } from '../../dist/lib/testing.js'
import { runtimes } from './runtimes.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = readFileSync(join(root, 'docs/library.md'), 'utf8')
const examples = [...text.matchAll(/^```(js|ts)\n([\s\S]*?)^```$/gm)].map(([, language, code], index) => ({
  name: `example ${index + 1}: ${/^## (.+)$/m.exec(text.slice(0, text.indexOf(code)).split('\n').reverse().join('\n'))?.[1]}`,
  language,
  code,
}))

// `await using` came with Node 24; Bun translates it.
const knowsUsing = Number(process.versions.node.split('.')[0]) >= 24

test('there are examples', () => {
  assert.ok(examples.length >= 10)
})

const programOf = (runtime, code) =>
  runtime.name === 'Bun' ? [runtime.path, '-e', code] : [runtime.path, '--input-type=module', '-e', code]

for (const { name, language, code } of examples)
  for (const runtime of runtimes.filter(({ name }) => name === 'Bun' || language !== 'ts' || knowsUsing))
    test(`${name}, on ${runtime.name}`, async () => {
      const result = await runInSandbox(programOf(runtime, code), { cwd: root, timeout: 60_000 })
      assert.equal(result.exitCode, 0, `${result.stdout}${result.stderr}`)
      assert.notEqual(result.stdout, '')
      assert.equal(result.stderr, '')
    })

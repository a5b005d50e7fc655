/** The library as its users use it, in the sandbox that it has for tests: on this Node, and on Bun. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runInSandbox } from '../../dist/lib/testing.js'
import { runtimes } from './runtimes.mjs'

const program = fileURLToPath(new URL('./sandboxed/library-use.mjs', import.meta.url))

for (const { name, path } of runtimes)
  test(`a space that is used, on ${name}`, async () => {
    const result = await runInSandbox([path, program], { timeout: 60_000 })
    assert.equal(result.exitCode, 0, `${result.stdout}${result.stderr}`)
    assert.equal(result.stdout, 'the library works\n')
  })

test('the sandbox has an uplink, or nothing at all, and tells how the command ended', async () => {
  const shell = (words, options) => runInSandbox(['sh', '-c', words], { timeout: 20_000, ...options })
  const links = await shell('cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d " " | sort')
  assert.deepEqual(
    links.stdout
      .trim()
      .split('\n')
      .filter(name => ['eth0', 'lo'].includes(name)),
    ['eth0', 'lo'],
  )
  const empty = await shell('grep -c eth0 /proc/net/dev; ls -A /run', { uplink: false })
  assert.equal(empty.stdout, '0\n')
  const failed = await shell('read line; echo "$line" >&2; exit 7', { input: 'heard\n' })
  assert.deepEqual([failed.exitCode, failed.stderr], [7, 'heard\n'])
  const killed = await shell('sleep 60', { timeout: 200 })
  assert.equal(killed.signal, 'SIGKILL')
  const missing = await runInSandbox(['no-such-program'], { timeout: 20_000 })
  assert.equal(missing.exitCode, 127)
})

/** The library as its users use it, in the sandbox that it has for tests: on this Node, and on Bun. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runInSandbox } from '../../dist/lib/testing.js'
import { runtimes } from './runtimes.mjs'

const programs = {
  'a space that is used': 'library-use',
  'programs in a space': 'programs',
  'what happens, as it happens': 'streams',
  'wrong arguments': 'arguments',
}

for (const { name, path } of runtimes)
  for (const [what, file] of Object.entries(programs))
    test(`${what}, on ${name}`, async () => {
      const program = fileURLToPath(new URL(`./sandboxed/${file}.mjs`, import.meta.url))
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
  const signalled = await shell('kill -TERM $$; sleep 60')
  assert.deepEqual([signalled.exitCode, signalled.signal], [null, 'SIGTERM'])
  const missing = await runInSandbox(['no-such-program'], { timeout: 20_000 })
  assert.equal(missing.exitCode, 127)
  const unusable = await runInSandbox(['/etc/passwd'], { timeout: 20_000 })
  assert.equal(unusable.exitCode, 126)
  await assert.rejects(runInSandbox([]), TypeError)
})

test('whatever the command has started ends with it, with its time, and with the signal', async () => {
  // Both hold the pipes open: the result comes only when they have ended.
  const began = performance.now()
  const shell = (words, options) => runInSandbox(['sh', '-c', words], options)
  const left = await shell('sleep 600 & setsid sleep 600 & echo done', {})
  assert.deepEqual([left.exitCode, left.stdout], [0, 'done\n'])
  const killed = await shell('sleep 600 & setsid sleep 600 & sleep 600', { timeout: 1000 })
  assert.deepEqual([killed.exitCode, killed.signal], [null, 'SIGKILL'])
  const signal = AbortSignal.timeout(1000)
  await assert.rejects(shell('sleep 600 & sleep 600', { signal }), { name: 'AbortError' })
  assert.ok(performance.now() - began < 60_000)
})

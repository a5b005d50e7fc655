// Run by test/node/facade.test.mjs in the sandbox: programs in a space find what natspace exec shows them.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import * as natspace from '../../../dist/lib/index.js'

const space = await natspace.up({ name: 'web', dns: ['192.0.2.53'] })
const printed = async (...call) => (await space.exec(...call)).stdout

// Its own resolver and links; those of the host where that is asked for.
assert.equal(await printed('cat', ['/etc/resolv.conf']), 'nameserver 192.0.2.53\n')
assert.equal(await printed('ls', ['/sys/class/net']), 'eth0\nlo\n')
const ofHost = await printed('ls', ['/sys/class/net'], { mounts: false })
assert.notEqual(ofHost, 'eth0\nlo\n')
const devices = await printed('cat', ['/proc/net/dev'], { mounts: false })
assert.doesNotMatch(devices, /veth-web/)
// The internal space asks nobody, rather than the host's resolver.
const closed = await natspace.up({ name: 'closed', internal: true })
const asked = await closed.exec('cat', ['/etc/resolv.conf'])
assert.doesNotMatch(asked.stdout, /^nameserver/m)
await closed.down()

// The environment, the folder, the descriptors and the number of the process are those that were given.
const env = { PATH: process.env.PATH, TEXT: 'two\nlines = 2', NODE_OPTIONS: '--no-warnings', BUN_X: '1' }
assert.deepEqual(
  (await printed('env', ['-0'], { env })).split('\0').filter(Boolean).sort(),
  Object.entries(env)
    .map(([key, value]) => `${key}=${value}`)
    .sort(),
)
assert.equal(await printed('pwd', [], { cwd: '/usr/bin' }), '/usr/bin\n')
assert.equal(await printed('./env', ['pwd'], { cwd: new URL('file:///usr/bin') }), '/usr/bin\n')
writeFileSync('/run/script', 'echo "no first line, $1"\n', { mode: 0o755 })
assert.equal(await printed('/run/script', ['one']), 'no first line, one\n')
const ended = child => new Promise(resolve => child.on('close', (...how) => resolve(how)))
const textOf = stream =>
  new Promise(resolve => {
    let text = ''
    stream.on('data', part => {
      text += part
    })
    stream.on('close', () => resolve(text))
  })
const words = 'echo fourth >&3; echo "$0 $$"; ls /proc/self/fd; kill -TERM $$'
const stdio = ['ignore', 'pipe', 'inherit', 'pipe']
const child = space.spawn('sh', ['-c', words], { argv0: 'zero', stdio })
const [text, more, how] = await Promise.all([textOf(child.stdout), textOf(child.stdio[3]), ended(child)])
const [first, ...descriptors] = text.trim().split('\n')
assert.equal(first, `zero ${child.pid}`)
assert.deepEqual(descriptors, ['0', '1', '2', '3', '4'])
assert.equal(more, 'fourth\n')
assert.deepEqual(how, [null, 'SIGTERM'])
const shell = space.spawn('echo a | tr a b; echo $TEXT', [], { shell: true, env: { TEXT: 'x' } })
assert.equal(await textOf(shell.stdout), 'b\nx\n')
assert.equal(await printed('cat', [], { input: 'x'.repeat(300_000) }), 'x'.repeat(300_000))

// What cannot be started is told as node:child_process tells it.
for (const [command, options] of [
  ['/no/such/program', {}],
  ['pwd', { cwd: '/no/such/folder' }],
])
  await assert.rejects(space.exec(command, [], options), { code: 'ENOENT' })
await assert.rejects(
  space.exec('sleep', ['60'], { timeout: 300 }),
  error => error.result.signal === 'SIGTERM',
)
assert.throws(() => space.spawn('true', [], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] }), TypeError)

await space.down()
await assert.rejects(space.exec('true'), { code: 'NO_NAMESPACE' })
assert.throws(() => space.inside(() => 1), { code: 'NO_NAMESPACE', exit: 1 })
console.log('the library works')

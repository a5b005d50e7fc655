// Run by test/node/facade.test.mjs in the sandbox: what is wrong is refused before anything is changed.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import * as natspace from '../../../dist/lib/index.js'

const links = () => readdirSync('/sys/class/net')
const before = links()

const refusals = [
  [{ code: 'BAD_TYPE', exit: 2 }, () => natspace.up(null)],
  [{ code: 'BAD_TYPE' }, () => natspace.up('web')],
  [{ code: 'BAD_TYPE' }, () => natspace.up({ name: 7 })],
  [{ code: 'BAD_TYPE' }, () => natspace.up({ publish: '8080:80' })],
  [{ code: 'BAD_TYPE' }, () => natspace.plan()],
  [{ code: 'UNKNOWN_KEY', exit: 2 }, () => natspace.up({ nmae: 'web' })],
  [{ code: 'BAD_NAME', exit: 2 }, () => natspace.up({ name: '../web' })],
  [{ code: 'BAD_PORT' }, () => natspace.up({ publish: ['99999:1'] })],
  [{ code: 'DUPLICATE_NAME' }, () => natspace.upAll([{ name: 'web' }, { name: 'web' }])],
  [{ code: 'DUPLICATE_PORT' }, () => natspace.upAll([{ publish: ['80'] }, { publish: ['80'] }])],
  [{ code: 'BAD_NAME' }, () => natspace.open('../../etc/passwd')],
  [{ code: 'BAD_NAME' }, () => natspace.down('..')],
  [{ code: 'BAD_NAME' }, () => natspace.status('a/b')],
  [{ code: 'NOT_FOUND', exit: 1 }, () => natspace.status('none')],
  [{ code: 'NOT_FOUND' }, () => natspace.open('none')],
  [TypeError, () => natspace.upAll({ name: 'web' })],
  [TypeError, () => natspace.open()],
  [TypeError, () => natspace.down()],
  [TypeError, () => natspace.list({ state: 'here' })],
  [TypeError, () => natspace.gc({ lockPatience: '5' })],
  [TypeError, () => natspace.changes({ names: 7 }).next()],
  [TypeError, async () => natspace.inside('/run/netns/web')],
  [TypeError, async () => natspace.inside(undefined, () => 1)],
  [{ code: 'NS-STALE' }, async () => natspace.inside('/etc/passwd', () => 1)],
]
for (const [expected, call] of refusals) await assert.rejects(call, expected, String(call))
process.env.NATSPACE_STATE = 'here'
await assert.rejects(natspace.list(), { code: 'BAD_ENVIRONMENT', exit: 2 })
delete process.env.NATSPACE_STATE

// What the function itself throws is not taken for a refusal of the kernel.
const own = Object.assign(new Error('mine'), { code: 'EPERM', syscall: 'open', errno: -1 })
const thrown = () => {
  throw own
}
assert.throws(
  () => natspace.inside('/proc/self/ns/net', thrown),
  error => error === own,
)

assert.deepEqual(await natspace.list(), [])
assert.deepEqual(links(), before)
console.log('the library works')

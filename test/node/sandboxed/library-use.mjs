// Run by test/node/facade.test.mjs in the sandbox that the library makes: the library as its users use it.
import assert from 'node:assert/strict'
import { createServer, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import * as natspace from '../../../dist/lib/index.js'

const addressesHere = () => Object.keys(networkInterfaces())
const before = addressesHere()

const space = await natspace.up({ name: 'web', publish: ['8080:80'] })
assert.equal(space.name, 'web')
assert.deepEqual(await natspace.list(), ['web'])

// Sockets that are made inside stay inside, and are used from here.
const server = space.inside(() => createServer(socket => socket.end('from inside\n')).listen(80))
await new Promise(resolve => server.once('listening', resolve))
assert.equal((await space.status()).healthy, true)

const ask = (port, address) =>
  new Promise((resolve, reject) => {
    let text = ''
    const socket = new Socket()
    socket.on('data', part => {
      text += part
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
    socket.connect(port, address)
  })
assert.equal(await ask(8080, '192.0.2.2'), 'from inside\n')
assert.equal(await ask(80, space.address), 'from inside\n')

// Programs run inside, and tell how they ended.
const script = "console.log(require('node:os').networkInterfaces().eth0[0].address)"
const { stdout } = await space.exec(process.execPath, ['-e', script])
assert.equal(stdout, `${space.address}\n`)
const failure = await space.exec('sh', ['-c', 'echo out; echo err >&2; exit 3']).catch(error => error)
assert.ok(failure instanceof natspace.ProgramFailure)
assert.deepEqual(failure.result, { stdout: 'out\n', stderr: 'err\n', exitCode: 3, signal: null })
const echoed = await space.exec('cat', [], { input: 'to the program' })
assert.equal(echoed.stdout, 'to the program')
const aborted = await space
  .exec('sleep', ['60'], { signal: AbortSignal.timeout(50) })
  .catch(error => error.name)
assert.ok(['AbortError', 'TimeoutError'].includes(aborted), aborted)

// A function that goes on later is refused, as what it does later would happen outside.
assert.throws(() => space.inside(async () => 1), TypeError)
assert.throws(() => natspace.inside('/run/netns/none', () => 1), { code: 'NO_NAMESPACE' })

// The walk of a packet, events as they happen, ports, a plan.
const story = await space.trace('192.0.2.1')
assert.equal(story.end.outcome, 'answered')
const reports = natspace.changes()
assert.equal((await reports.next()).value.type, 'snapshot')
const told = reports.next()
await space.publish('9090:90')
assert.equal((await told).value.type, 'event')
await reports.return()
assert.deepEqual((await space.status()).publish, ['8080:80', '9090:90'])
await space.unpublish('9090')
const planned = await natspace.plan({ name: 'web', publish: ['8080:80', '7070:70'] })
assert.ok(planned.operations.length > 0)
assert.equal((await (await natspace.open('web')).status()).healthy, true)
await assert.rejects(natspace.open('none'), { code: 'NOT_FOUND' })
await assert.rejects(natspace.up({ name: 'bad', publish: ['99999:1'] }), { code: 'BAD_PORT', exit: 2 })

server.close()
await space[Symbol.asyncDispose]()
assert.deepEqual(await natspace.list(), [])

// Without a name each has one of its own; all at once.
const several = await natspace.upAll([{}, {}, {}])
assert.equal(new Set(several.map(({ name }) => name)).size, 3)
const { removed, problems } = await natspace.down(several.map(({ name }) => name))
assert.deepEqual([removed.length, problems], [3, []])
assert.deepEqual(addressesHere(), before)
console.log('the library works')

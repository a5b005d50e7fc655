// Run by test/node/facade.test.mjs in the sandbox: changes, flows and packets, how they end, and that nothing stays open.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { readdirSync } from 'node:fs'
import * as natspace from '../../../dist/lib/index.js'

const space = await natspace.up({ name: 'web' })
const patience = () => AbortSignal.timeout(30_000)
const openFiles = () => readdirSync('/proc/self/fd').length

/** A datagram from the space, so that something is told. With a look-up that answers at once its socket is made inside. */
const send = () =>
  new Promise((resolve, reject) => {
    const lookup = (address, _options, done) => done(null, address, 4)
    const socket = createSocket({ type: 'udp4', lookup })
    socket.on('error', reject)
    socket.on('listening', () => socket.send('x', 9, '192.0.2.1', () => socket.close(resolve)))
    space.inside(() => socket.bind({ address: space.address, exclusive: true }))
  })

const streams = {
  flows: options => space.flows({ timeout: 300, ...options }),
  packets: options => space.packets({ filter: 'udp port 9', ...options }),
  changes: options => natspace.changes(options),
}
const stir = {
  flows: send,
  packets: send,
  changes: () => space.publish('9090:90'),
}

const once = async (name, stream) => {
  for await (const report of stream) {
    assert.ok(Math.abs(report.time - Date.now()) < 60_000)
    if (report.type === 'snapshot') await stir[name]()
    else if (report.type === 'event') return report
    else assert.fail(`${report.type} came before an event`)
  }
  return assert.fail('it ended')
}

// A first round opens what the runtime opens once.
for (const name of Object.keys(streams)) for await (const _ of streams[name]()) break
const before = openFiles()

const flow = await once('flows', streams.flows({ signal: patience() }))
assert.equal(flow.flow, 1)
assert.equal(flow.story.tuple.destinationPort, 9)
assert.equal(flow.story.direction, 'out')
assert.ok(['refused', 'delivered', 'answered'].includes(flow.story.end.outcome), flow.story.end.outcome)

const packet = await once('packets', streams.packets({ signal: patience() }))
assert.equal(packet.number, 1)
assert.deepEqual(packet.point, { name: 'web:eth0', role: 'inner', interface: 'eth0' })
assert.equal(packet.bytes.length, packet.length)
assert.match(packet.summary, /UDP/)
assert.equal(packet.same.length, 2)
assert.ok(packet.same.some(({ relation }) => relation.startsWith('after SNAT')))

const change = await once('changes', streams.changes({ signal: patience() }))
assert.equal(change.event, 'space')

for (const [name, open] of Object.entries(streams)) {
  // A signal ends it with its last report, before its time and in the midst of it.
  const types = []
  for await (const { type } of open({ signal: AbortSignal.timeout(200) })) types.push(type)
  assert.deepEqual(types, ['snapshot', 'end'], name)
  const last = []
  for await (const { type } of open({ signal: AbortSignal.abort() })) last.push(type)
  assert.equal(last.at(-1), 'end', name)
  await assert.rejects(open({ signal: 'soon' }).next(), TypeError)
}
assert.ok(openFiles() <= before, 'something stayed open')

for (const wrong of [
  { filter: 'no such words' },
  { filter: 7 },
  { from: 'somewhere' },
  { timeout: 'long' },
]) {
  const error = await space
    .flows(wrong)
    .next()
    .catch(reason => reason)
  assert.ok(error instanceof TypeError || error.exit === 2, `${JSON.stringify(wrong)}: ${error}`)
}
await assert.rejects(space.packets({ snapLength: 0 }).next(), TypeError)

// A space that goes down ends what is told of it.
for (const name of ['flows', 'packets']) {
  const other = await natspace.up({ name: 'other' })
  const told = async () => {
    for await (const { type } of other[name]({ signal: patience() }))
      if (type === 'snapshot') await other.down()
  }
  await assert.rejects(told(), { code: 'SPACE_WENT_DOWN' }, name)
  await assert.rejects(other[name]().next(), { code: 'NOT_FOUND' })
}
await space.down()
console.log('the library works')

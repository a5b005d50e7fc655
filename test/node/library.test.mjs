/** The library on Node: what the README and the docs of the package say of it, on the real kernel and on the fake one. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import {
  down,
  LinuxKernel,
  NatspaceError,
  planUp,
  statePaths,
  status,
  up,
  validateSpec,
} from '../../dist/lib/engine.js'
import { FakeKernel, failingKernel } from '../../dist/lib/testing.js'

const paths = statePaths('/run/natspace-of-node')

test('a space comes up, is healthy, is left alone the second time, and goes without a trace', async () => {
  const kernel = new LinuxKernel()
  try {
    const context = { kernel, paths }
    const specs = [validateSpec('node', { publish: ['8080:80'] })]
    const before = kernel.links(undefined).map(link => link.name)
    const { changes } = await up(context, specs)
    assert.ok(changes > 10)
    assert.equal(status(context, ['node'])[0].healthy, true)
    assert.equal((await up(context, specs)).changes, 0)
    assert.deepEqual(planUp(context, specs).operations, [])
    const { removed, problems } = await down(context, ['node'])
    assert.deepEqual({ removed, problems }, { removed: ['node'], problems: [] })
    assert.deepEqual(
      kernel.links(undefined).map(link => link.name),
      before,
    )
    assert.equal(readdirSync('/run').includes('natspace-of-node'), false)
  } finally {
    kernel[Symbol.dispose]()
  }
})

test('the fake kernel does the same in memory, and a refused change undoes all', async () => {
  const kernel = new FakeKernel()
  kernel.addLink('eth0', { address: '192.168.1.32/24', gateway: '192.168.1.1' })
  const start = kernel.snapshot()
  const specs = [validateSpec('web', {})]
  await assert.rejects(up({ kernel: failingKernel(kernel, { at: 8 }), paths }, specs), NatspaceError)
  assert.deepEqual(kernel.snapshot(), start)
  assert.ok((await up({ kernel, paths }, specs)).changes > 10)
  await down({ kernel, paths }, ['web'])
  assert.deepEqual(kernel.snapshot(), start)
})

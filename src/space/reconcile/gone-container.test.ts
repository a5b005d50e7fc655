import { expect, test } from 'bun:test'
import type { SpaceSpec } from '../spec/types.ts'
import { validateSpec } from '../spec/validate.ts'
import { readSpaceRecord } from '../state/records.ts'
import { gc, planGc } from './gc.ts'
import { meanwhile, newHost } from './test-support.ts'
import { up } from './up.ts'

const folder = '/run/containers'

const attached = (name: string, address: string): SpaceSpec => ({
  ...validateSpec(name, { ipv6: 'off' }),
  address,
  gateway: '10.88.0.1/32',
  attachment: { network: 'net', container: name, namespacePath: `${folder}/${name}` },
})

/** A host with two containers, and what it was without them. */
const newRuntime = async () => {
  const { kernel, context } = newHost()
  meanwhile(kernel, [{ type: 'directory.add', path: folder, mode: 0o755 }])
  const start = kernel.snapshot()
  meanwhile(kernel, [
    { type: 'namespace.add', path: `${folder}/a` },
    { type: 'namespace.add', path: `${folder}/b` },
  ])
  await up(context, [attached('a', '10.88.0.2'), attached('b', '10.88.0.3')])
  return { kernel, context, start }
}

test('a container whose namespace is gone without a word is taken away by gc, and no other', async () => {
  const { kernel, context, start } = await newRuntime()
  meanwhile(kernel, [{ type: 'namespace.delete', path: `${folder}/a` }])
  const planned = await planGc(context)
  expect(planned.operations.length).toBeGreaterThan(0)
  const { problems, warnings } = await gc(context)
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
  expect(readSpaceRecord(kernel, context.paths, 'a')).toBeUndefined()
  expect(readSpaceRecord(kernel, context.paths, 'b')).toBeDefined()
  meanwhile(kernel, [{ type: 'namespace.delete', path: `${folder}/b` }])
  await gc(context)
  expect(kernel.snapshot()).toEqual(start)
})

test('a container whose cable alone is gone stays: its runtime still has it', async () => {
  const { kernel, context } = await newRuntime()
  const cable = kernel.links(undefined).find(({ alias }) => alias?.endsWith(':a'))
  if (cable === undefined) throw new Error('there is no cable')
  meanwhile(kernel, [{ type: 'link.delete', where: undefined, name: cable.name, index: cable.index }])
  const { warnings } = await gc(context)
  expect(warnings.map(({ code, space }) => [code, space])).toEqual([['SPACE_BROKEN', 'a']])
  expect(readSpaceRecord(kernel, context.paths, 'a')).toBeDefined()
})

import { describe, expect, test } from 'bun:test'
import type { Kernel } from '../../linux/kernel.ts'
import type { SpaceSpec } from '../spec/types.ts'
import { validateSpec } from '../spec/validate.ts'
import { readSpaceRecord } from '../state/records.ts'
import { down } from './down.ts'
import { gc } from './gc.ts'
import { status } from './status.ts'
import { meanwhile, newHost } from './test-support.ts'
import { planUp, up } from './up.ts'

/** A space of a network of containers: one gateway for all, a namespace that somebody else has made. */
const attached = (name: string, address: string, namespacePath = `/run/containers/${name}`): SpaceSpec => ({
  ...validateSpec(name, { ipv6: 'off' }),
  address,
  gateway: '10.88.0.1/32',
  attachment: { network: 'net', container: name, namespacePath },
})

const newRuntime = (...names: string[]) => {
  const host = newHost()
  meanwhile(host.kernel, [
    { type: 'directory.add', path: '/run/containers', mode: 0o755 },
    ...names.map(name => ({ type: 'namespace.add', path: `/run/containers/${name}` }) as const),
  ])
  return { ...host, start: host.kernel.snapshot() }
}

describe('spaces of one network with one gateway', () => {
  test('come and go one by one, and none takes along what another needs', async () => {
    const { kernel, context, start } = newRuntime('a', 'b')
    await up(context, [attached('a', '10.88.0.2')])
    await up(context, [attached('b', '10.88.0.3')])
    const healthy = () => status(context).map(({ name, drift }) => ({ name, drift }))
    expect(healthy()).toEqual([
      { name: 'a', drift: [] },
      { name: 'b', drift: [] },
    ])
    expect(kernel.routes('/run/containers/a').filter(({ table }) => table === 254)).toMatchObject([
      { destination: '0.0.0.0/0', gateway: '10.88.0.1' },
      { destination: '10.88.0.1/32', gateway: undefined },
    ])
    expect(planUp(context, [attached('a', '10.88.0.2')]).operations).toEqual([])
    await down(context, ['a'])
    expect(healthy()).toEqual([{ name: 'b', drift: [] }])
    await down(context, ['b'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('both at once leave nothing behind', async () => {
    const { kernel, context, start } = newRuntime('a', 'b')
    await up(context, [attached('a', '10.88.0.2'), attached('b', '10.88.0.3')])
    await down(context, ['a', 'b'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('no two get one address', async () => {
    const { context } = newRuntime('a', 'b')
    await up(context, [attached('a', '10.88.0.2')])
    await expect(up(context, [attached('b', '10.88.0.2')])).rejects.toMatchObject({ code: 'OVERLAP' })
  })
})

describe('the namespace of an attachment', () => {
  test('is never made, and without it nothing is', async () => {
    const { kernel, context, start } = newRuntime()
    await expect(up(context, [attached('a', '10.88.0.2')])).rejects.toMatchObject({ code: 'NO_NAMESPACE' })
    expect(kernel.snapshot()).toEqual(start)
  })

  test('is left in place, and is not ours', async () => {
    const { kernel, context } = newRuntime('a')
    await up(context, [attached('a', '10.88.0.2')])
    expect(readSpaceRecord(kernel, context.paths, 'a')?.ownsNamespace).toBe(false)
    await down(context, ['a'])
    expect(kernel.namespaceState('/run/containers/a')).toBe('present')
  })

  test('may go while the space is taken down: its cable goes with it', async () => {
    const { kernel, context, start } = newRuntime('a')
    await up(context, [attached('a', '10.88.0.2')])
    const change: Kernel['change'] = changes => {
      const cable = kernel.links(undefined).find(({ alias }) => alias === 'natspace:a')
      if (cable !== undefined && changes.some(({ type }) => type === 'link.set'))
        meanwhile(kernel, [{ type: 'link.delete', where: undefined, name: cable.name, index: cable.index }])
      return kernel.change(changes)
    }
    const racing = new Proxy(kernel, {
      get: (target, key) => {
        const value: unknown = key === 'change' ? change : Reflect.get(target, key, target)
        return typeof value === 'function' && key !== 'change' ? value.bind(target) : value
      },
    })
    expect((await down({ ...context, kernel: racing }, ['a'])).problems).toEqual([])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('may be gone before the space is, and the record too: gc finds the rest by its mark', async () => {
    const { kernel, context, start } = newRuntime('a', 'b')
    await up(context, [attached('a', '10.88.0.2'), attached('b', '10.88.0.3')])
    for (const name of ['a', 'b'])
      meanwhile(kernel, [{ type: 'file.delete', path: `/run/natspace/spaces/${name}.json` }])
    await gc(context)
    expect(kernel.snapshot()).toEqual(start)
    await up(context, [attached('a', '10.88.0.2')])
    meanwhile(kernel, [{ type: 'namespace.delete', path: '/run/containers/a' }])
    expect((await down(context, ['a'])).problems).toEqual([])
    expect(kernel.links(undefined).filter(link => link.alias !== undefined)).toEqual([])
  })
})

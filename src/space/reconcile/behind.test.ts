import { describe, expect, test } from 'bun:test'
import { failingKernel } from '../../linux/failing.ts'
import { NatspaceError } from '../errors.ts'
import { parsePublish } from '../spec/publish.ts'
import type { SpaceSpec } from '../spec/types.ts'
import { validateSpec } from '../spec/validate.ts'
import { readSpaceRecord } from '../state/records.ts'
import { down } from './down.ts'
import { gc } from './gc.ts'
import { publish, unpublish } from './publish.ts'
import { status } from './status.ts'
import { killedKernel, meanwhile, newHost } from './test-support.ts'
import { planUp, up } from './up.ts'

const pathOf = (name: string) => `/run/containers/${name}`
const ttl = 'net.ipv4.ip_default_ttl'
const localnet = (link: string) => `net.ipv4.conf.${link}.route_localnet`

/** A host on which another plugin has connected containers, each by a cable of its own, or all by one link. */
const newRuntime = (...names: string[]) => {
  const host = newHost()
  const { kernel } = host
  meanwhile(kernel, [{ type: 'directory.add', path: '/run/containers', mode: 0o755 }])
  for (const [place, name] of names.entries()) {
    const outer = { where: undefined, name: `ptp${place}`, index: 10 + place }
    const inner = { where: pathOf(name), name: 'eth0', index: 2 }
    const address = `10.77.0.${place + 2}`
    meanwhile(kernel, [
      { type: 'namespace.add', path: pathOf(name) },
      {
        ...{ type: 'veth.add', ...outer, address: `02:00:00:00:00:0${place}`, mtu: undefined },
        peer: { ...inner, address: `02:00:00:00:01:0${place}`, mtu: undefined },
      },
      { type: 'address.add', ...outer, address: '10.77.0.1', prefixLength: 32 },
      { type: 'address.add', ...inner, address, prefixLength: 24 },
      { type: 'link.set', ...inner, up: true },
      { type: 'link.set', ...outer, up: true },
      { type: 'route.add', ...outer, destination: `${address}/32`, gateway: undefined },
    ])
  }
  return { ...host, start: kernel.snapshot() }
}

/** What natspace is asked to add to a container. */
const added = (name: string, change: Partial<SpaceSpec> = {}): SpaceSpec => ({
  ...validateSpec(name, { ipv6: 'off', publish: ['8080:80', '53:53/udp'], interface: 'eth0', mtu: 1400 }),
  rate: { up: 8_000_000, upBurst: 100_000, down: 8_000_000, downBurst: 100_000 },
  tuning: {
    sysctls: { [ttl]: '99' },
    ...{ mtu: 1400, mac: '02:00:00:00:00:42', promiscuous: true, queueLength: 500 },
  },
  attachment: { network: 'net', container: name, namespacePath: pathOf(name) },
  behind: {
    ...{ way: 'ptp0', port: 'ptp0' },
    ...{ address: '10.77.0.2', prefixLength: 24, gateway: '10.77.0.1' },
  },
  ...change,
})

describe('a space whose cable is another’s', () => {
  test('has what was asked for, adds no cable, address or route, and takes back what it changed', async () => {
    const { kernel, context, start } = newRuntime('a')
    const links = kernel.links(undefined).map(({ name }) => name)
    const routes = kernel.routes(pathOf('a'))
    await up(context, [added('a')])
    expect(status(context)).toMatchObject([
      { name: 'a', healthy: true, interface: { host: 'ptp0', inner: 'eth0' }, behind: { port: 'ptp0' } },
    ])
    expect(kernel.links(undefined).map(({ name }) => name)).toEqual(links)
    expect(kernel.routes(pathOf('a'))).toEqual(routes)
    expect(kernel.links(pathOf('a'))[1]).toMatchObject({
      ...{ mtu: 1400, address: '02:00:00:00:00:42', promiscuous: true, queueLength: 500, alias: undefined },
    })
    expect(kernel.sysctl(pathOf('a'), ttl)).toBe('99')
    expect(kernel.sysctl(undefined, localnet('ptp0'))).toBe('1')
    expect(planUp(context, [added('a')]).operations).toEqual([])
    expect((await down(context, ['a'])).problems).toEqual([])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('is made whole or not at all: every change is refused in turn', async () => {
    const whole = newRuntime('a')
    const counter = failingKernel(whole.kernel, { at: Number.POSITIVE_INFINITY })
    await up({ ...whole.context, kernel: counter }, [added('a')])
    expect(counter.tried).toBeGreaterThan(8)
    for (let at = 1; at <= counter.tried; at++) {
      const { kernel, context, start } = newRuntime('a')
      const failing = { ...context, kernel: failingKernel(kernel, { at }) }
      const error = await up(failing, [added('a')]).catch((cause: unknown) => cause)
      expect(error).toBeInstanceOf(NatspaceError)
      expect({ at, state: kernel.snapshot() }).toEqual({ at, state: start })
    }
  })

  test('is taken back by gc after a kill at any moment, and by down', async () => {
    for (const undo of ['gc', 'down'] as const) {
      let at = 0
      for (let isWhole = false; !isWhole; ) {
        const { kernel, context, start } = newRuntime('a')
        const killed = killedKernel(kernel, ++at)
        isWhole = await up({ ...context, kernel: killed }, [added('a')]).then(
          () => true,
          () => false,
        )
        if (isWhole) break
        if (undo === 'gc') await gc(context)
        else await down(context, ['a'])
        expect({ at, state: kernel.snapshot() }).toEqual({ at, state: start })
      }
      expect(at).toBeGreaterThan(4)
    }
  })

  test('keeps what was before over a repair and a new port, and gives back only what is still its own', async () => {
    const { kernel, context } = newRuntime('a')
    await up(context, [added('a')])
    const before = readSpaceRecord(kernel, context.paths, 'a')?.before
    expect(before).toMatchObject({ sysctls: { [ttl]: '64' }, link: { mtu: 1500 }, localnet: '0' })
    const inner = { where: pathOf('a'), name: 'eth0', index: 2 }
    meanwhile(kernel, [{ type: 'link.set', ...inner, mtu: 1300 }])
    expect(status(context)[0]?.drift).toMatchObject([{ resource: 'tuning of a', found: 'MTU 1300' }])
    await publish(context, 'a', [parsePublish('9000:90')])
    await unpublish(context, 'a', [{ hostPort: { first: 53, last: 53 }, protocol: 'udp' }])
    expect(status(context)[0]).toMatchObject({ drift: [], publish: ['8080:80', '9000:90'] })
    expect(readSpaceRecord(kernel, context.paths, 'a')?.before).toEqual(before)
    meanwhile(kernel, [
      { type: 'link.set', ...inner, mtu: 1200 },
      { type: 'sysctl.set', where: pathOf('a'), key: ttl, value: '11' },
    ])
    await down(context, ['a'])
    expect(kernel.links(pathOf('a'))[1]).toMatchObject({ mtu: 1200, queueLength: 1000 })
    expect(kernel.sysctl(pathOf('a'), ttl)).toBe('11')
  })

  test('shares the way that leads to several, which is put back with the last', async () => {
    const { kernel, context, start } = newRuntime('a', 'b')
    const shared = (name: string, place: number): SpaceSpec => {
      const { tuning: _, rate: __, ...spec } = added(name)
      return {
        ...{ ...spec, publish: [parsePublish(`808${place}:80`)] },
        behind: { way: 'ptp0', address: `10.77.0.${place}`, prefixLength: 24, gateway: '10.77.0.1' },
      }
    }
    await up(context, [shared('a', 2)])
    await up(context, [shared('b', 3)])
    expect(readSpaceRecord(kernel, context.paths, 'b')?.before).toEqual({ localnet: '0' })
    await down(context, ['a'])
    expect(kernel.sysctl(undefined, localnet('ptp0'))).toBe('1')
    expect(status(context)).toMatchObject([{ name: 'b', healthy: true }])
    await down(context, ['b'])
    expect(kernel.snapshot()).toEqual(start)
    for (const order of [
      ['a', 'b'],
      ['b', 'a'],
    ]) {
      await up(context, [shared('a', 2), shared('b', 3)])
      // One that publishes nothing any more knows what was before all the same, and needs it no longer.
      await unpublish(context, 'a', [{ hostPort: { first: 8082, last: 8082 }, protocol: 'tcp' }])
      await down(context, order.slice(0, 1))
      expect(kernel.sysctl(undefined, localnet('ptp0'))).toBe(order[0] === 'a' ? '1' : '0')
      await down(context, order.slice(1))
      expect(kernel.snapshot()).toEqual(start)
    }
    await up(context, [shared('a', 2), shared('b', 3)])
    await down(context, ['a', 'b'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('without ports needs no table and no forwarding; without its interface it is refused', async () => {
    const { kernel, context, start } = newRuntime('a')
    await up(context, [added('a', { publish: [] })])
    expect(kernel.ruleset(undefined).tables).toEqual([])
    expect(kernel.sysctl(undefined, 'net.ipv4.ip_forward')).toBe('0')
    await down(context, ['a'])
    expect(kernel.snapshot()).toEqual(start)
    meanwhile(kernel, [{ type: 'link.delete', where: undefined, name: 'ptp0', index: 10 }])
    const bare = kernel.snapshot()
    await expect(up(context, [added('a')])).rejects.toMatchObject({ code: 'INTERFACE_GONE' })
    expect(kernel.snapshot()).toEqual(bare)
  })

  test('goes when its namespace has gone before', async () => {
    const { kernel, context } = newRuntime('a')
    await up(context, [added('a')])
    meanwhile(kernel, [{ type: 'namespace.delete', path: pathOf('a') }])
    expect((await down(context, ['a'])).problems).toEqual([])
    expect(kernel.ruleset(undefined).tables).toEqual([])
    expect(kernel.readFolder('/run/natspace')).toBeUndefined()
  })
})

describe('settings of a namespace that is another’s, on a cable of ours', () => {
  test('for all interfaces leave to ours what it needs', async () => {
    const { kernel, context } = newRuntime()
    meanwhile(kernel, [{ type: 'namespace.add', path: pathOf('a') }])
    const start = kernel.snapshot()
    const { behind: _, rate: __, ...rest } = added('a')
    for (const value of ['0', '1']) {
      await up(context, [{ ...rest, tuning: { sysctls: { 'net.ipv6.conf.all.disable_ipv6': value } } }])
      expect(status(context)).toMatchObject([{ healthy: true }])
      expect(kernel.sysctl(pathOf('a'), 'net.ipv6.conf.eth0.disable_ipv6')).toBe('1')
      await down(context, ['a'])
      expect(kernel.snapshot()).toEqual(start)
    }
  })

  test('come back with the space; not in another namespace that has the path by then', async () => {
    const { kernel, context } = newRuntime()
    meanwhile(kernel, [{ type: 'namespace.add', path: pathOf('a') }])
    const { behind: _, rate: __, ...rest } = added('a')
    const spec: SpaceSpec = { ...rest, tuning: { sysctls: { [ttl]: '99' }, mac: '02:00:00:00:00:42' } }
    const start = kernel.snapshot()
    await up(context, [spec])
    expect(kernel.links(pathOf('a'))[1]?.address).toBe('02:00:00:00:00:42')
    await down(context, ['a'])
    expect(kernel.snapshot()).toEqual(start)
    await up(context, [spec])
    meanwhile(kernel, [
      { type: 'namespace.delete', path: pathOf('a') },
      { type: 'namespace.add', path: pathOf('a') },
      { type: 'sysctl.set', where: pathOf('a'), key: ttl, value: '99' },
    ])
    await down(context, ['a'])
    expect(kernel.sysctl(pathOf('a'), ttl)).toBe('99')
  })
})

import { describe, expect, test } from 'bun:test'
import { article, publish as port, spec } from '../../../test/support/up-scenarios.ts'
import { failingKernel } from '../../linux/failing.ts'
import type { FakeKernel } from '../../linux/fake.ts'
import { NatspaceError } from '../errors.ts'
import { parsePublish } from '../spec/publish.ts'
import { parsePublishedPort } from '../spec/published-port.ts'
import { toUnits } from './apply.ts'
import { down } from './down.ts'
import { publish, unpublish } from './publish.ts'
import { status } from './status.ts'
import { newHost } from './test-support.ts'
import type { Context } from './types.ts'
import { up } from './up.ts'

const publishing = (context: Context, name: string, ...texts: string[]) =>
  publish(
    context,
    name,
    texts.map(text => parsePublish(text)),
  )
const unpublishing = (context: Context, name: string, ...texts: string[]) =>
  unpublish(
    context,
    name,
    texts.map(text => parsePublishedPort(text)),
  )

const faultOf = async (run: Promise<unknown>): Promise<NatspaceError> => {
  const error = await run.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (error instanceof NatspaceError) return error
  throw new Error(`No NatspaceError: ${error}`)
}

const published = (context: Context, name: string) => status(context, [name])[0]?.publish

const publish53 = port(53, 53, 'udp')

const localnet = (kernel: FakeKernel, link: string) =>
  kernel.sysctl(undefined, `net.ipv4.conf.${link}.route_localnet`)

const host6 = () => {
  const host = newHost()
  host.kernel.addLink('eth1', { address: '2001:db8::5/64', gateway: '2001:db8::1' })
  return host
}

describe('publish', () => {
  test('adds ports to those that are there, and all else stays', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    const before = kernel.snapshot()
    const { changed, space } = await publishing(context, 'myspace', '8081:81', '8080:80', '5353/udp')
    expect(changed).toEqual([port(8081, 81), port(5353, 5353, 'udp')])
    expect(space.publish).toEqual([port(8080, 80), port(8081, 81), port(5353, 5353, 'udp')])
    expect(published(context, 'myspace')).toEqual(['8080:80', '8081:81', '5353/udp'])
    expect(status(context)[0]?.healthy).toBe(true)
    await unpublishing(context, 'myspace', '8081', '5353/udp')
    expect(kernel.snapshot()).toEqual(before)
  })

  test('of what is published already changes nothing at all', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    const { writes } = kernel
    for (const text of ['8080:80', '8080:80/tcp'])
      expect(await publishing(context, 'myspace', text, text)).toMatchObject({ changes: 0, changed: [] })
    expect(kernel.writes).toBe(writes)
  })

  test('changes the ruleset in one batch, whatever it publishes', async () => {
    const { context } = host6()
    await up(context, [spec('a', { publish: [port(1)] })])
    const both = await publishing(
      context,
      'a',
      '80',
      '127.0.0.1:81:80',
      '9000-9010',
      '90-91:92-93/udp',
      '[::1]:7',
    )
    const batches = toUnits(both.plan.operations).filter(({ change }) => change.type === 'nftables.commit')
    expect(batches).toHaveLength(1)
    const less = await unpublishing(context, 'a', '80', '9000-9010', '90-91/udp')
    expect(
      toUnits(less.plan.operations).filter(({ change }) => change.type === 'nftables.commit'),
    ).toHaveLength(1)
  })

  test('works for a space that published nothing before, of both families, and takes everything back', async () => {
    const { kernel, context } = host6()
    await up(context, [spec('a'), spec('inner', { internal: true })])
    const before = kernel.snapshot()
    expect(localnet(kernel, 'veth-a')).toBe('0')
    await publishing(context, 'a', '8080:80')
    expect(localnet(kernel, 'veth-a')).toBe('1')
    const local6 = kernel.routes(undefined).filter(route => route.destination === '::1/128')
    expect(local6.length).toBeGreaterThan(1)
    expect(status(context).every(space => space.healthy)).toBe(true)
    await unpublishing(context, 'a', '8080:80')
    expect(kernel.snapshot()).toEqual(before)
  })

  test('mends what somebody took away, as up does', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    kernel.change([{ type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '0' }])
    const { changes, changed } = await publishing(context, 'myspace', '8080:80')
    expect({ changes, changed }).toEqual({ changes: 1, changed: [] })
  })

  test('turns forwarding on for an internal space', async () => {
    const { kernel, context } = newHost()
    await up(context, [spec('a', { internal: true })])
    expect(kernel.sysctl(undefined, 'net.ipv4.ip_forward')).toBe('0')
    await publishing(context, 'a', '80')
    expect(kernel.sysctl(undefined, 'net.ipv4.ip_forward')).toBe('1')
    await down(context, ['a'])
    expect(kernel.sysctl(undefined, 'net.ipv4.ip_forward')).toBe('0')
  })

  test('refuses what cannot be, and changes nothing', async () => {
    const { kernel, context } = newHost()
    await up(context, [article, spec('other', { publish: [port(99)] })])
    const before = kernel.snapshot()
    kernel.addListener({ port: 22 }, { owner: { pid: 7, command: 'sshd' } })
    const cases = [
      ['nobody', '80', 'NOT_FOUND'],
      ['myspace', '8080:81', 'DUPLICATE_PORT'],
      ['myspace', '99', 'PORT_TAKEN'],
      ['myspace', '22', 'PORT_TAKEN'],
      ['myspace', '[::1]:80', 'BAD_PUBLISH'],
    ] as const
    for (const [name, text, code] of cases)
      expect((await faultOf(publishing(context, name, text))).code).toBe(code)
    expect(kernel.snapshot()).toEqual(before)
  })
})

describe('unpublish', () => {
  test('takes away what is named by the side of the host', async () => {
    const { context } = newHost()
    await up(context, [article])
    const { changed } = await unpublishing(context, 'myspace', '8080', '8080:80')
    expect(changed).toEqual([port(8080, 80)])
    expect(published(context, 'myspace')).toEqual([])
  })

  test('says what is published instead', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    await publishing(context, 'myspace', '127.0.0.1:53/udp', '192.168.1.32:53/udp')
    const { writes } = kernel
    const none = await faultOf(unpublishing(context, 'myspace', '8080', '8080:8080'))
    expect(none).toMatchObject({
      code: 'NOT_PUBLISHED',
      exit: 2,
      what: 'cannot unpublish 8080 of myspace',
      evidence: ['published: 8080:80, 127.0.0.1:53/udp, 192.168.1.32:53/udp'],
    })
    const several = await faultOf(unpublishing(context, 'myspace', '53/udp'))
    expect(several).toMatchObject({
      code: 'AMBIGUOUS_PORT',
      exit: 2,
      evidence: ['published: 127.0.0.1:53/udp, 192.168.1.32:53/udp'],
    })
    expect((await faultOf(unpublishing(context, 'nobody', '53'))).code).toBe('NOT_FOUND')
    // The folder of the state is not touched by a refusal either.
    expect(kernel.writes).toBe(writes)
  })
})

describe('every change that is refused leaves all as it was', () => {
  const before = { ...article, publish: [publish53, ...article.publish] }
  for (const [title, change] of [
    ['publish', (context: Context) => publishing(context, 'myspace', '81', '9000-9003/udp')],
    ['unpublish', (context: Context) => unpublishing(context, 'myspace', '8080', '53/udp')],
  ] as const)
    test(title, async () => {
      for (let at = 1, tried = 1; at <= tried; at++) {
        const { kernel, context } = newHost()
        await up(context, [before])
        const state = kernel.snapshot()
        const failing = failingKernel(kernel, { at })
        const outcome = await change({ ...context, kernel: failing }).catch((error: unknown) => error)
        tried = failing.tried
        // Beyond the last change nothing is refused, which ends the loop.
        if (tried < at) break
        expect((outcome as NatspaceError).code).toBe('APPLY_FAILED')
        expect(kernel.snapshot()).toEqual(state)
        await change(context)
        expect(status(context)[0]?.healthy).toBe(true)
        tried++
      }
    })
})

test('what others chose of a space stays as it is: nothing is chosen again', async () => {
  const { kernel, context } = host6()
  await up(context, [
    spec('db'),
    spec('a', { rate: { up: 1_000_000 }, connect: ['db'], egress: [{ network: '10.0.0.0/8' }], host: 'all' }),
  ])
  kernel.addLink('eth9', { address: '10.250.0.1/24' })
  const plan = (await publishing(context, 'a', '80')).plan
  expect(plan.operations.map(({ change }) => change.type)).not.toContain('veth.add')
  const { space } = await unpublishing(context, 'a', '80')
  expect(space).toMatchObject({ connect: [{ name: 'db' }], host: 'all', rate: { up: 1_000_000 } })
})

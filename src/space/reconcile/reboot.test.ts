/** State that outlived a reboot (NATSPACE_STATE on a disk): its words are intent, and nothing of the kernel is believed. */
import { expect, test } from 'bun:test'
import { article, publish, spec } from '../../../test/support/up-scenarios.ts'
import type { Change } from '../../linux/change.ts'
import { recordPath } from '../state/records.ts'
import { down } from './down.ts'
import { gc } from './gc.ts'
import { status } from './status.ts'
import { killedKernel, meanwhile, newHost } from './test-support.ts'
import type { Context } from './types.ts'
import { up } from './up.ts'

/** The same files on a host that has just started; `before` is how it was then, without them. */
const rebooted = ({ kernel, paths }: Context) => {
  const host = newHost()
  const start = host.kernel.snapshot()
  const bootId = kernel.sysctl(undefined, 'kernel.random.boot_id') ?? ''
  const files = [
    ...(kernel.readFolder(paths.root) ?? []).map(name => `${paths.root}/${name}`),
    ...(kernel.readFolder(paths.spaces) ?? []).map(name => `${paths.spaces}/${name}`),
  ].filter(path => path.endsWith('.json'))
  meanwhile(host.kernel, [
    { type: 'directory.add', path: paths.root, mode: 0o700 },
    { type: 'directory.add', path: paths.spaces, mode: 0o700 },
    { type: 'file.write', path: paths.lock, text: '', mode: 0o600 },
    ...files.map((path): Change => {
      const text = (kernel.readFile(path) ?? '').replaceAll(bootId, 'ffffffff-0000-4000-8000-000000000000')
      return { type: 'file.write', path, text, mode: 0o600 }
    }),
  ])
  return { ...host, start }
}

test('spaces are missing, and come back as they were; forwarding is noted anew', async () => {
  const first = newHost()
  await up(first.context, [article, spec('b', { publish: [publish(90)] })])
  const address = status(first.context, ['b'])[0]?.addresses
  const { kernel, context, start } = rebooted(first.context)
  expect(status(context).map(({ healthy }) => healthy)).toEqual([false, false])
  await up(context, [article, spec('b', { publish: [publish(90)] })])
  expect(status(context, ['b'])[0]).toMatchObject({ healthy: true, addresses: address })
  await down(context, ['myspace', 'b'])
  expect(kernel.snapshot()).toEqual(start)
})

test('what others made under the same names since is theirs', async () => {
  const first = newHost()
  await up(first.context, [article])
  const { kernel, context } = rebooted(first.context)
  meanwhile(kernel, [
    { type: 'directory.add', path: '/run/netns', mode: 0o755 },
    { type: 'namespace.add', path: '/run/netns/myspace' },
    { type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '1' },
  ])
  expect((await down(context, ['myspace'])).problems).toEqual([])
  expect(kernel.namespaceNames()).toEqual(['myspace'])
  // The note of what forwarding was speaks of another boot.
  expect(kernel.sysctl(undefined, 'net.ipv4.ip_forward')).toBe('1')
})

test('gc keeps what was asked for, and says that it is not there', async () => {
  const first = newHost()
  await up(first.context, [article])
  const { kernel, context } = rebooted(first.context)
  const before = kernel.snapshot()
  const { operations, warnings } = await gc(context)
  expect(operations).toEqual([])
  expect(warnings.map(({ code, space }) => ({ code, space }))).toEqual([
    { code: 'SPACE_BROKEN', space: 'myspace' },
  ])
  expect(kernel.snapshot()).toEqual(before)
})

test('a change that the reboot interrupted is forgotten, a new space too, and one that was to go is gone', async () => {
  for (let at = 3; at < 12; at++) {
    const first = newHost()
    await up(first.context, [article])
    const before = first.kernel.readFile(recordPath(first.context.paths, 'myspace'))
    const changed = [{ ...article, publish: [publish(9000)] }, spec('new')]
    await up({ ...first.context, kernel: killedKernel(first.kernel, at) }, changed).catch(() => {})
    const { kernel, context, start } = rebooted(first.context)
    await gc(context)
    expect(kernel.readFolder(context.paths.spaces)).toEqual(['myspace.json'])
    const after = JSON.parse(kernel.readFile(recordPath(context.paths, 'myspace')) ?? '')
    expect(after.space).toEqual(JSON.parse(before ?? '').space)
    await down(context, ['myspace'])
    expect(kernel.snapshot()).toEqual(start)
  }
})

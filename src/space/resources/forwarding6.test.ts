import { expect, test } from 'bun:test'
import { spec } from '../../../test/support/up-scenarios.ts'
import type { Where } from '../../linux/change.ts'
import { FakeKernel } from '../../linux/fake.ts'
import { down } from '../reconcile/down.ts'
import { status } from '../reconcile/status.ts'
import { planUp, up } from '../reconcile/up.ts'
import { statePaths } from '../state/records.ts'

/** As Linux was before 6.17. */
class OlderKernel extends FakeKernel {
  override sysctl(where: Where, key: string): string | undefined {
    return key.endsWith('force_forwarding') ? undefined : super.sysctl(where, key)
  }
}

const all = 'net.ipv6.conf.all.forwarding'
const ofLink = (leaf: string, link = 'eth0') => `net.ipv6.conf.${link}.${leaf}`

/** A host with an uplink that has both families, and another link that has IPv4 only. */
const newHost = (kernel: FakeKernel, settings: Record<string, string> = {}) => {
  const index = kernel.addLink('eth0', { address: '192.168.1.32/24', gateway: '192.168.1.1' }).index
  kernel.addLink('eth1', { address: '192.168.2.32/24' })
  const outcomes = kernel.change([
    ...Object.entries(settings).map(
      ([key, value]) => ({ type: 'sysctl.set', where: undefined, key, value }) as const,
    ),
    { type: 'address.add', where: undefined, name: 'eth0', index, address: '2001:db8::32', prefixLength: 64 },
  ])
  expect(outcomes.filter(outcome => outcome !== 'done')).toEqual([])
  return { kernel, context: { kernel, paths: statePaths() }, start: kernel.snapshot() }
}

type Host = ReturnType<typeof newHost>

/** What an `up` would write of IPv6 forwarding, in order. */
const written = ({ context }: Host): string[] =>
  planUp(context, [spec('web')]).operations.flatMap(({ change, step }) =>
    step === 'forwarding' && change.type === 'sysctl.set' && change.key.includes('ipv6')
      ? [`${change.key}=${change.value}`]
      : [],
  )

const comesBack = async ({ kernel, context, start }: Host): Promise<void> => {
  expect(status(context).map(({ healthy }) => healthy)).toEqual([true])
  expect((await up(context, [spec('web')])).changes).toBe(0)
  await down(context, ['web'])
  expect(kernel.snapshot()).toEqual(start)
}

test('where single links can be told to forward the host remains a host', async () => {
  const host = newHost(new FakeKernel())
  expect(written(host)).toEqual([`${ofLink('force_forwarding')}=1`])
  await up(host.context, [spec('web')])
  expect(host.kernel.sysctl(undefined, all)).toBe('0')
  expect(host.kernel.sysctl(undefined, ofLink('accept_ra'))).toBe('1')
  expect(host.kernel.sysctl(undefined, ofLink('force_forwarding', 'eth1'))).toBe('0')
  await comesBack(host)
})

test('elsewhere a link that listens to routers is told to go on before all is forwarded', async () => {
  const host = newHost(new OlderKernel())
  expect(written(host)).toEqual([`${ofLink('accept_ra')}=2`, `${all}=1`])
  await up(host.context, [spec('web')])
  expect(host.kernel.sysctl(undefined, ofLink('accept_ra'))).toBe('2')
  expect(host.kernel.sysctl(undefined, all)).toBe('1')
  await comesBack(host)
})

test('a link that was told not to listen to routers is not told to', async () => {
  const host = newHost(new OlderKernel(), { [ofLink('accept_ra')]: '0' })
  expect(written(host)).toEqual([`${all}=1`])
  await up(host.context, [spec('web')])
  expect(host.kernel.sysctl(undefined, ofLink('accept_ra'))).toBe('0')
  await comesBack(host)
})

test('a host that forwards already is left as it is', async () => {
  for (const kernel of [new FakeKernel(), new OlderKernel()]) {
    const host = newHost(kernel, { [all]: '1' })
    expect(written(host)).toEqual([])
    await up(host.context, [spec('web')])
    expect(host.kernel.sysctl(undefined, ofLink('accept_ra'))).toBe('1')
    await comesBack(host)
  }
})

test('what somebody else changes meanwhile is theirs, the rest comes back', async () => {
  const host = newHost(new OlderKernel())
  const write = (key: string, value: string) =>
    host.kernel.change([{ type: 'sysctl.set', where: undefined, key, value }])
  await up(host.context, [spec('web')])
  write(all, '0')
  await down(host.context, ['web'])
  expect(host.kernel.sysctl(undefined, all)).toBe('0')
  expect(host.kernel.sysctl(undefined, ofLink('accept_ra'))).toBe('1')
  await up(host.context, [spec('web')])
  write(ofLink('accept_ra'), '0')
  await down(host.context, ['web'])
  expect(host.kernel.sysctl(undefined, all)).toBe('0')
  expect(host.kernel.sysctl(undefined, ofLink('accept_ra'))).toBe('0')
})

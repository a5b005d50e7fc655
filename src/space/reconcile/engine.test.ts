import { describe, expect, test } from 'bun:test'
import { article, publish, scenarios, spec } from '../../../test/support/up-scenarios.ts'
import { failingKernel } from '../../linux/failing.ts'
import type { MachineSnapshot } from '../../linux/fake/snapshot.ts'
import { NatspaceError } from '../errors.ts'
import { constantMembers } from '../ruleset/commands.ts'
import { keyText } from '../ruleset/elements.ts'
import type { SpaceSpec } from '../spec/types.ts'
import { down, planDown } from './down.ts'
import { status } from './status.ts'
import { meanwhile, newHost, stageOf } from './test-support.ts'
import type { Context } from './types.ts'
import { planUp, up } from './up.ts'

const where = '/run/netns/myspace'

/** Keys whose values differ. */
const changedSysctls = (
  before: MachineSnapshot['host'],
  after: MachineSnapshot['host'],
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(after.sysctls).filter(
      ([key, value]) => key in before.sysctls && before.sysctls[key] !== value,
    ),
  )

const codeOf = async (context: Context, specs: SpaceSpec[]): Promise<string> =>
  up(context, specs).then(
    () => 'none',
    (error: unknown) => (error instanceof NatspaceError ? error.code : String(error)),
  )

/** A snapshot in which the order of a set's elements, which means nothing, is always the same. */
const inAnyOrder = (snapshot: MachineSnapshot): MachineSnapshot => {
  for (const set of snapshot.host.tables.flatMap(table => table.sets))
    set.elements.sort((one, other) => (keyText(one.key) < keyText(other.key) ? -1 : 1))
  return snapshot
}

describe('a port that moves from one space to another', () => {
  const a = spec('a', { publish: [publish(80), publish(443)] })
  const b = spec('b', { publish: [publish(8080)] })
  const swapped = [
    spec('a', { publish: [publish(8080), publish(443)] }),
    spec('b', { publish: [publish(80)] }),
  ]

  test('in one up', async () => {
    const { kernel, context } = newHost()
    await up(context, [a, b])
    for (const specs of [swapped, [a, b], swapped.toReversed()]) {
      await up(context, specs)
      for (const { name, publish: ports } of specs)
        expect(status(context, [name])[0]).toMatchObject({
          healthy: true,
          publish: ports.map(port => `${port.hostPort.first}`),
        })
    }
    expect(kernel.snapshot().host.tables).toHaveLength(1)
  })

  test('comes back when a later change is refused', async () => {
    const { kernel, context } = newHost()
    await up(context, [a, b])
    const change = { type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '0' } as const
    meanwhile(kernel, [change])
    const before = inAnyOrder(kernel.snapshot())
    for (let at = 1; ; at++) {
      const failing = failingKernel(kernel, { at })
      const error = await up({ ...context, kernel: failing }, swapped).then(
        () => undefined,
        (cause: unknown) => cause,
      )
      if (error === undefined) break
      expect(error).toMatchObject({ code: 'APPLY_FAILED' })
      expect(inAnyOrder(kernel.snapshot())).toEqual(before)
    }
  })
})

describe('the article', () => {
  test('up makes exactly what it shows', async () => {
    const { kernel, context } = newHost()
    const before = kernel.snapshot()
    const { plan, changes } = await up(context, [article])
    expect(plan.warnings).toEqual([])
    const after = kernel.snapshot()
    const inner = after.namespaces[where]
    expect(after.host.links.map(({ name, up, alias, peer }) => ({ name, up, alias, peer }))).toEqual([
      { name: 'lo', up: true, alias: undefined, peer: undefined },
      { name: 'eth0', up: true, alias: undefined, peer: undefined },
      { name: 'veth1', up: true, alias: 'natspace:myspace', peer: 2 },
    ])
    expect(inner?.links.map(({ name, up, alias, carrier }) => ({ name, up, alias, carrier }))).toEqual([
      { name: 'lo', up: true, alias: 'natspace:myspace', carrier: true },
      { name: 'veth2', up: true, alias: 'natspace:myspace', carrier: true },
    ])
    const addresses = (side: MachineSnapshot['host'] | undefined) =>
      side?.addresses
        .filter(({ family, index }) => family === 4 && index > 1)
        .map(item => `${item.address}/${item.prefixLength}`)
    expect(addresses(after.host)).toEqual(['192.168.1.32/24', '192.168.45.2/24'])
    expect(addresses(inner)).toEqual(['192.168.45.3/24'])
    const [space] = status(context)
    expect(space).toMatchObject({
      name: 'myspace',
      healthy: true,
      routes: {
        host: ['192.168.45.0/24 dev veth1 proto kernel scope link src 192.168.45.2'],
        inner: [
          'default via 192.168.45.2 dev veth2',
          '192.168.45.0/24 dev veth2 proto kernel scope link src 192.168.45.3',
        ],
      },
      publish: ['8080:80'],
      uplink: 'eth0',
      drift: [],
    })
    expect(changedSysctls(before.host, after.host)).toEqual({
      'net/ipv4/conf/all/accept_redirects': '0',
      'net/ipv4/conf/all/forwarding': '1',
      'net/ipv4/conf/default/forwarding': '1',
      'net/ipv4/conf/eth0/forwarding': '1',
      'net/ipv4/conf/lo/forwarding': '1',
    })
    expect(after.host.tables.map(({ family, name }) => `${family} ${name}`)).toEqual(['inet natspace'])
    expect(inner?.tables).toEqual([])
    const elements = Object.fromEntries(
      (after.host.tables[0]?.sets ?? []).flatMap(set =>
        set.elements.map(({ key, data }) => [`${set.name} ${key.join(' . ')}`, data ?? 'member']),
      ),
    )
    expect(elements).toEqual({
      'spaces veth1': 'member',
      'source4 veth1 . 192.168.45.3': 'member',
      'inside4 192.168.45.3': 'member',
      'inside4 192.168.45.2': 'member',
      'pinned veth1': 'member',
      'via veth1 . eth0': 'member',
      'preexisting4 eth0': 'member',
      'outbound4 192.168.45.3': 'member',
      'claimed tcp . 8080': 'member',
      'hairpin veth1 . veth1': 'member',
      ...Object.fromEntries(
        constantMembers().map(({ set, element }) => [`${set} ${keyText(element.key)}`, 'member']),
      ),
      'publish4 tcp . 8080': ['192.168.45.3', 80],
    })
    // The folder of the state is made with the lock; the journal is written, and removed.
    expect(kernel.writes).toBe(changes + 3)
  })

  test('up when all is right already changes nothing', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    const { writes } = kernel
    const before = kernel.snapshot()
    const again = await up(context, [article])
    expect(again.plan.operations).toEqual([])
    expect(again.changes).toBe(0)
    expect(kernel.writes).toBe(writes)
    expect(kernel.snapshot()).toEqual(before)
  })

  test('plans change nothing', async () => {
    const { kernel, context } = newHost()
    const before = kernel.snapshot()
    expect(planUp(context, [article]).operations.length).toBeGreaterThan(10)
    expect(kernel.snapshot()).toEqual(before)
    await up(context, [article])
    const { writes } = kernel
    expect(planDown(context, ['myspace']).length).toBeGreaterThan(3)
    expect(kernel.writes).toBe(writes)
  })
})

describe('down takes everything away again', () => {
  for (const scenario of scenarios)
    test(scenario.title, async () => {
      const { kernel, context, start } = await stageOf(scenario)
      await up(context, scenario.specs)
      expect((await up(context, scenario.specs)).changes).toBe(0)
      const names = [...scenario.before.flat(), ...scenario.specs].map(({ name }) => name)
      expect(status(context).map(({ name, drift }) => ({ name, drift }))).toEqual(
        [...new Set(names)].sort().map(name => ({ name, drift: [] })),
      )
      const result = await down(context, names)
      expect(result).toMatchObject({ absent: [], problems: [] })
      expect(kernel.snapshot()).toEqual(start)
      const { writes } = kernel
      expect(await down(context, names)).toMatchObject({ removed: [], operations: [], problems: [] })
      expect(kernel.snapshot()).toEqual(start)
      // Nothing but the folder of the lock, and that is gone.
      expect(kernel.writes - writes).toBe(3)
    })

  test('one of two leaves the other alone', async () => {
    const { kernel, context } = newHost()
    const start = kernel.snapshot()
    await up(context, [spec('a', { publish: [publish(80)] })])
    const one = kernel.snapshot()
    await up(context, [spec('b', { publish: [publish(81)] })])
    await down(context, ['b'])
    expect(kernel.snapshot()).toEqual(one)
    expect(status(context).map(({ healthy }) => healthy)).toEqual([true])
    await down(context, ['a'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('a host that forwarded already goes on forwarding, link by link', async () => {
    const { kernel, context } = newHost()
    const set = (key: string, value: string) =>
      meanwhile(kernel, [{ type: 'sysctl.set', where: undefined, key, value }])
    set('net.ipv4.ip_forward', '1')
    set('net.ipv4.conf.eth0.forwarding', '0')
    const start = kernel.snapshot()
    await up(context, [article])
    expect(kernel.sysctl(undefined, 'net.ipv4.conf.eth0.forwarding')).toBe('0')
    await down(context, ['myspace'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('switches of single links come back as they were', async () => {
    const { kernel, context } = newHost()
    for (const [key, value] of [
      ['net.ipv4.conf.eth0.forwarding', '1'],
      ['net.ipv4.conf.all.accept_redirects', '0'],
    ] as const)
      meanwhile(kernel, [{ type: 'sysctl.set', where: undefined, key, value }])
    const start = kernel.snapshot()
    await up(context, [article])
    await up(context, [spec('b')])
    await down(context, ['myspace', 'b'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('what was not made by natspace stays', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    meanwhile(kernel, [
      { type: 'namespace.add', path: '/run/netns/theirs' },
      { type: 'link.set', where: '/run/netns/theirs', name: 'lo', index: 1, up: true },
    ])
    await down(context, ['myspace'])
    expect(kernel.namespaceNames()).toEqual(['theirs'])
    expect(kernel.links('/run/netns/theirs')[0]?.up).toBe(true)
  })
})

describe('refused before anything is changed', () => {
  const cases: [string, SpaceSpec[]][] = [
    ['OVERLAP', [spec('a', { gateway: '192.168.1.77/24' })]],
    ['NO_SUCH_UPLINK', [spec('a', { uplink: 'none' })]],
    ['DUPLICATE_PORT', [spec('a', { publish: [publish(80)] }), spec('b', { publish: [publish(80)] })]],
    ['PORT_TAKEN', [spec('b', { publish: [publish(8080)] })]],
    ['NS-STALE', [spec('stale')]],
    ['INTERFACE_TAKEN', [spec('theirs', { interface: 'left' })]],
  ]
  for (const [code, specs] of cases)
    test(code, async () => {
      const { kernel, context } = newHost()
      await up(context, [article])
      const theirs = '/run/netns/theirs'
      const end = { address: '02:00:00:00:00:09', mtu: undefined }
      meanwhile(kernel, [
        { type: 'file.write', path: '/run/netns/stale', text: '', mode: 0o644 },
        { type: 'namespace.add', path: theirs },
        {
          type: 'veth.add',
          where: theirs,
          name: 'left',
          index: 5,
          ...end,
          peer: { where: theirs, name: 'right', index: 6, ...end },
        },
      ])
      const before = kernel.snapshot()
      const { writes } = kernel
      expect(await codeOf(context, specs)).toBe(code)
      expect(kernel.writes).toBe(writes)
      expect(kernel.snapshot()).toEqual(before)
    })
})

describe('others at the same time', () => {
  test('a firewall that is changed between reading and writing is read again', async () => {
    const { kernel, context } = newHost()
    let commits = 0
    const racing = new Proxy(kernel, {
      get(target, key) {
        if (key !== 'change') {
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === 'function' ? value.bind(target) : value
        }
        return (changes: Parameters<typeof kernel.change>[0]) => {
          if (changes.some(change => change.type === 'nftables.commit') && commits++ === 0)
            meanwhile(kernel, [
              {
                type: 'nftables.commit',
                where: undefined,
                commands: [{ type: 'table.add', family: 'ip', table: 'theirs' }],
                generation: undefined,
              },
            ])
          return target.change(changes)
        }
      },
    })
    await up({ ...context, kernel: racing }, [article])
    expect(kernel.ruleset(undefined).tables.map(({ name }) => name)).toEqual(['theirs', 'natspace'])
    expect(status(context)[0]?.healthy).toBe(true)
  })

  test('who finds the lock held gives up after a while, and says so', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    using _held = kernel.tryLock(context.paths.lock)
    const error = await up(context, [spec('b')], { lockPatience: 20 }).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'LOCKED', exit: 5 })
  })

  test('a state folder that others may write to is refused', async () => {
    const { kernel, context } = newHost()
    meanwhile(kernel, [{ type: 'directory.add', path: context.paths.root, mode: 0o777 }])
    expect(await codeOf(context, [article])).toBe('STATE_UNSAFE')
  })
})

import { describe, expect, test } from 'bun:test'
import { article, droppingFirewall, publish, spec } from '../../../test/support/up-scenarios.ts'
import { parseEgress } from '../spec/egress.ts'
import { recordPath, statePaths } from '../state/records.ts'
import { down } from './down.ts'
import { gc, planGc } from './gc.ts'
import { status } from './status.ts'
import { killedKernel, meanwhile, newHost } from './test-support.ts'
import type { Context } from './types.ts'
import { up } from './up.ts'

const changesOf = (result: Awaited<ReturnType<typeof gc>>) => result.operations.map(({ change }) => change)

/** What a dry run shows, and that it changes nothing, then what is done. */
const collect = async (context: Context) => {
  const { kernel } = context
  const before = JSON.stringify(kernel.readFolder('/run'))
  const { writes } = kernel
  const planned = changesOf(await planGc(context))
  expect(kernel.writes).toBe(writes)
  expect(JSON.stringify(kernel.readFolder('/run'))).toBe(before)
  const result = await gc(context)
  expect(result.problems).toEqual([])
  const types = (changes: typeof planned) =>
    changes
      .map(({ type }) => type)
      .filter(type => type !== 'conntrack.delete')
      .sort()
  expect(types(planned)).toEqual(types(changesOf(result)))
  // And then nothing is left over any more.
  expect(changesOf(await gc(context))).toEqual([])
  return result
}

const every = spec('every', {
  egress: [parseEgress('10.0.0.0/8'), parseEgress('any:53')],
  publish: [publish(80), publish({ first: 90, last: 95 }), { ...publish(70), hostAddress: '192.168.1.32' }],
  source: { ipv4: '192.168.1.32' },
  metadata: true,
  host: 'all',
})

describe('where everything is right', () => {
  test('nothing is done', async () => {
    const { kernel, context } = newHost()
    expect(changesOf(await collect(context))).toEqual([])
    const start = kernel.snapshot()
    await up(context, [article, spec('b', { internal: true, connect: ['myspace'] }), every])
    const living = kernel.snapshot()
    expect(changesOf(await collect(context))).toEqual([])
    expect(kernel.snapshot()).toEqual(living)
    await down(context, ['myspace', 'b', 'every'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('what others made is not touched', async () => {
    const { kernel, context } = newHost()
    meanwhile(kernel, [
      { type: 'directory.add', path: '/run/netns', mode: 0o755 },
      { type: 'namespace.add', path: '/run/netns/cni-1234' },
      {
        type: 'veth.add',
        where: undefined,
        name: 'veth-cni',
        index: 7,
        address: '02:00:00:00:00:07',
        mtu: undefined,
        peer: {
          where: '/run/netns/cni-1234',
          name: 'eth0',
          index: 8,
          address: '02:00:00:00:00:08',
          mtu: undefined,
        },
      },
    ])
    await up(context, [spec('cni-1234', { interface: 'inner' })])
    meanwhile(kernel, [{ type: 'file.delete', path: recordPath(context.paths, 'cni-1234') }])
    await collect(context)
    // The cable of ours went, the namespace that it was attached to and its own cable did not.
    expect(kernel.namespaceNames()).toEqual(['cni-1234'])
    expect(kernel.links('/run/netns/cni-1234').map(({ name }) => name)).toEqual(['lo', 'eth0'])
    expect(kernel.links(undefined).map(({ name }) => name)).toEqual(['lo', 'eth0', 'veth-cni'])
    expect(kernel.ruleset(undefined).tables).toEqual([])
  })
})

describe('what nobody has a record of', () => {
  const losses: [string, (context: Context) => void][] = [
    ['the record', ({ kernel, paths }) => meanwhileOf(kernel, paths, ['spaces/every.json'])],
    [
      'the record and the cable',
      ({ kernel, paths }) => {
        meanwhileOf(kernel, paths, ['spaces/every.json'])
        deleteCable(kernel)
      },
    ],
  ]
  for (const [title, lose] of losses)
    test(`goes: ${title} is lost`, async () => {
      const { kernel, context } = newHost()
      const start = kernel.snapshot()
      await up(context, [every])
      lose(context)
      await collect(context)
      expect(kernel.snapshot()).toEqual(start)
    })

  test('goes beside a space that lives', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    await up(context, [every])
    const living = JSON.stringify(status(context, ['myspace'])[0]?.drift)
    meanwhileOf(kernel, context.paths, ['spaces/every.json'])
    deleteCable(kernel)
    await collect(context)
    expect(JSON.stringify(status(context, ['myspace'])[0]?.drift)).toBe(living)
    expect(kernel.namespaceNames()).toEqual(['myspace'])
    const elements = kernel
      .ruleset(undefined)
      .tables.flatMap(({ sets }) => JSON.stringify(sets.map(set => set.elements)))
    expect(elements.join('')).not.toContain('veth-every')
  })

  test('a table without any space goes, and a record of the host alone brings back what it says', async () => {
    const { kernel, context } = newHost()
    const start = kernel.snapshot()
    await up(context, [article])
    meanwhileOf(kernel, context.paths, ['spaces/myspace.json'])
    meanwhile(kernel, [
      { type: 'namespace.delete', path: '/run/netns/myspace' },
      // Half of the way back was gone: what the kernel overwrote with it is still missing.
      { type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '0' },
    ])
    await collect(context)
    expect(kernel.snapshot()).toEqual(start)
  })

  test('rules in firewalls of others go, but for those of spaces that have them', async () => {
    const { kernel, context } = newHost()
    meanwhile(kernel, [droppingFirewall()])
    const start = kernel.snapshot()
    await up(context, [{ ...article, fixFirewall: true }, spec('b', { fixFirewall: true })])
    const rules = () =>
      kernel.ruleset(undefined).tables.find(({ name }) => name === 'filter')?.chains[0]?.rules ?? []
    const own = rules().filter(({ comment }) => comment === 'natspace:myspace').length
    expect(own).toBeGreaterThan(0)
    meanwhileOf(kernel, context.paths, ['spaces/b.json'])
    const index = kernel.links(undefined).find(({ name }) => name === 'veth-b')?.index ?? 0
    meanwhile(kernel, [{ type: 'link.delete', where: undefined, name: 'veth-b', index }])
    await collect(context)
    expect(rules().map(({ comment }) => comment)).toEqual(
      Array.from({ length: own }, () => 'natspace:myspace'),
    )
    await down(context, ['myspace'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('files that were not written to their end go', async () => {
    const { kernel, context } = newHost()
    const start = kernel.snapshot()
    await up(context, [article])
    const { root, spaces } = context.paths
    for (const path of [`${root}/host.json.77.tmp`, `${spaces}/b.json.78.tmp`])
      meanwhile(kernel, [{ type: 'file.write', path, text: '{', mode: 0o600 }])
    expect(changesOf(await collect(context)).map(({ type }) => type)).toEqual(['file.delete', 'file.delete'])
    await down(context, ['myspace'])
    expect(kernel.snapshot()).toEqual(start)
  })
})

describe('namespaces', () => {
  test('one that somebody made under the name of ours stays', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    meanwhile(kernel, [
      { type: 'namespace.delete', path: '/run/netns/myspace' },
      { type: 'namespace.add', path: '/run/netns/myspace' },
    ])
    expect((await down(context, ['myspace'])).problems).toEqual([])
    expect(kernel.namespaceNames()).toEqual(['myspace'])
    await up(context, [article])
    await down(context, ['myspace'])
    expect(kernel.namespaceNames()).toEqual(['myspace'])
    expect(changesOf(await gc(context))).toEqual([])
    expect(kernel.namespaceNames()).toEqual(['myspace'])
  })
})

describe('two state folders on one host', () => {
  const twins = () => {
    const { kernel, context } = newHost()
    meanwhile(kernel, [{ type: 'directory.add', path: '/run/other', mode: 0o700 }])
    return { kernel, context, other: { kernel, paths: statePaths('/run/other/natspace') } }
  }

  test('leave each other alone', async () => {
    const { kernel, context, other } = twins()
    const start = kernel.snapshot()
    await up(context, [article])
    await up(other, [every])
    expect(changesOf(await collect(context))).toEqual([])
    expect(changesOf(await collect(other))).toEqual([])
    // The last of one folder is not the last of the host.
    await down(context, ['myspace'])
    expect(status(other).map(({ name, drift }) => ({ name, drift }))).toEqual([{ name: 'every', drift: [] }])
    expect(changesOf(await collect(context))).toEqual([])
    await down(other, ['every'])
    // Who turned forwarding on was not there at the end.
    await gc(context)
    expect(kernel.snapshot()).toEqual(start)
  })

  test('what one has lost the other does not take away', async () => {
    const { kernel, context, other } = twins()
    await up(context, [article])
    await up(other, [every])
    meanwhileOf(kernel, other.paths, ['spaces/every.json'])
    expect(changesOf(await collect(context))).toEqual([])
    expect(kernel.links(undefined).map(({ name }) => name)).toContain('veth-every')
    await collect(other)
    expect(kernel.links(undefined).map(({ name }) => name)).not.toContain('veth-every')
    expect(status(context)[0]?.drift).toEqual([])
  })
})

describe('what was interrupted', () => {
  test('is shown by a dry run and put in order', async () => {
    const changed = [{ ...article, hostInterface: 'outer', publish: [publish(9000)] }, spec('new')]
    for (let at = 3; ; at++) {
      const { kernel, context } = newHost()
      const start = kernel.snapshot()
      await up(context, [article, every])
      const killed = killedKernel(kernel, at)
      await up({ ...context, kernel: killed }, changed).catch(() => {})
      if (killed.tried < at) {
        expect(at).toBeGreaterThan(10)
        break
      }
      const { writes } = kernel
      await planGc(context)
      expect(kernel.writes).toBe(writes)
      const { warnings } = await gc(context)
      expect(warnings.map(({ code }) => code)).toEqual(['INTERRUPTED'])
      expect(status(context).map(({ name, drift }) => ({ name, drift }))).toEqual([
        { name: 'every', drift: [] },
        { name: 'myspace', drift: [] },
      ])
      expect(changesOf(await gc(context))).toEqual([])
      await down(context, ['myspace', 'every'])
      expect(kernel.snapshot()).toEqual(start)
    }
  }, 30_000)

  test('comes back also where a space that it may reach is gone meanwhile', async () => {
    const { kernel, context } = newHost()
    const start = kernel.snapshot()
    await up(context, [article])
    await up(context, [spec('b', { connect: ['myspace'] })])
    await down(context, ['myspace'])
    const killed = killedKernel(kernel, 3)
    await up({ ...context, kernel: killed }, [spec('b', { publish: [publish(90)] })]).catch(() => {})
    const { warnings } = await gc(context)
    expect(warnings.map(({ code }) => code)).toEqual(['INTERRUPTED'])
    expect(status(context, ['b'])[0]?.publish).toEqual([])
    await down(context, ['b'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('stays noted where it cannot be put in order, and hinders nobody else', async () => {
    const { kernel, context } = newHost()
    const start = kernel.snapshot()
    await up(context, [{ ...article, uplink: 'eth0' }])
    const killed = killedKernel(kernel, 3)
    await up({ ...context, kernel: killed }, [{ ...article, publish: [publish(9000)] }]).catch(() => {})
    const uplink = kernel.machine.host.links.get(2)
    expect(uplink?.name).toBe('eth0')
    // The way out is gone: the space can be neither what it was nor what it was to be.
    if (uplink !== undefined) uplink.name = 'gone'
    const { plan } = await up(context, [spec('b', { internal: true })])
    expect(plan.warnings.map(({ code, space }) => ({ code, space }))).toEqual([
      { code: 'NOT_SETTLED', space: 'myspace' },
    ])
    expect(kernel.readFile(context.paths.journal)).toContain('"myspace"')
    if (uplink !== undefined) uplink.name = 'eth0'
    const { warnings } = await gc(context)
    expect(warnings.map(({ code }) => code)).toEqual(['INTERRUPTED'])
    expect(status(context).map(({ name, drift }) => ({ name, drift }))).toEqual([
      { name: 'b', drift: [] },
      { name: 'myspace', drift: [] },
    ])
    await down(context, ['b', 'myspace'])
    expect(kernel.snapshot()).toEqual(start)
  })
})

function meanwhileOf(kernel: Context['kernel'], { root }: { root: string }, files: string[]): void {
  for (const outcome of kernel.change(files.map(file => ({ type: 'file.delete', path: `${root}/${file}` }))))
    expect(outcome).toBe('done')
}

function deleteCable(kernel: Context['kernel']): void {
  const index = kernel.links(undefined).find(({ name }) => name === 'veth-every')?.index ?? 0
  expect(kernel.change([{ type: 'link.delete', where: undefined, name: 'veth-every', index }])).toEqual([
    'done',
  ])
}

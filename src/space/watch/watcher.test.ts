import { describe, expect, test } from 'bun:test'
import { article, harms, publish, spec } from '../../../test/support/up-scenarios.ts'
import type { Change } from '../../linux/change.ts'
import { failingKernel } from '../../linux/failing.ts'
import { FakeKernel } from '../../linux/fake.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { DumpInterruptedError } from '../../linux/netlink/errors.ts'
import { down } from '../reconcile/down.ts'
import { status } from '../reconcile/status.ts'
import { meanwhile, newHost, stageOf } from '../reconcile/test-support.ts'
import type { Context } from '../reconcile/types.ts'
import { up } from '../reconcile/up.ts'
import { recordPath } from '../state/records.ts'
import { usualLimits } from './patience.ts'
import type { WatchReport } from './report.ts'
import type { Channel, Interest, Sign, SignSource } from './sign.ts'
import { Watcher, type WatcherOptions } from './watcher.ts'

/** A source that says what a test lets it say. */
class SpokenSigns implements SignSource {
  readonly descriptors = []
  #signs: Sign[] = []
  #lost: Channel[] = []

  say(...signs: Sign[]): void {
    this.#signs.push(...signs)
  }

  lose(channel: Channel): void {
    this.#lost.push(channel)
  }

  read(): { signs: Sign[]; lost: Channel[] } {
    const said = { signs: this.#signs, lost: this.#lost }
    this.#signs = []
    this.#lost = []
    return said
  }

  follow(_interest: Interest): boolean {
    return false
  }

  [Symbol.dispose](): void {}
}

const nft: Sign = { area: 'firewall', by: { kind: 'process', pid: 4242, name: 'nft' } }

/** A watcher of a host in memory, on a clock of its own. */
const watcherOf = (kernel: FakeKernel, context: Context, rest: Partial<WatcherOptions> = {}) => {
  const source = new SpokenSigns()
  const reports: WatchReport[] = []
  let now = 1_000_000
  const watcher = new Watcher({
    paths: context.paths,
    openKernel: () => new FakeKernel(kernel.machine),
    source,
    report: report => reports.push(report),
    now: () => now,
    ...rest,
  })
  watcher.begin()
  return {
    watcher,
    source,
    reports,
    /** The events since the last time, without their times. */
    events: () => reports.splice(0).flatMap(report => (report.type === 'event' ? [report] : [])),
    pass: (milliseconds: number) => {
      now += milliseconds
    },
    /** Says something, lets a moment pass, and looks. */
    async look(...signs: Sign[]) {
      source.say(...signs)
      watcher.hear()
      now += 5
      await watcher.check()
      return reports.splice(0).flatMap(report => (report.type === 'event' ? [report] : []))
    },
  }
}

const flush: Change = {
  type: 'nftables.commit',
  where: undefined,
  commands: [{ type: 'table.delete', family: 'inet', table: 'natspace' }],
  generation: undefined,
}

describe('whatever is damaged', () => {
  for (const harm of harms.filter(item => item !== 'record'))
    test(`${harm}: is repaired, once, and then all is well`, async () => {
      const { kernel, context } = await stageOf({ title: harm, before: [[article]], harm, specs: [] })
      const { watcher, look } = watcherOf(kernel, context)
      expect(status(context)[0]?.healthy).toBe(false)
      const events = await look(nft)
      expect(events).toMatchObject([
        { event: 'repaired', spaces: ['myspace'], by: [{ pid: 4242, name: 'nft' }], milliseconds: 5 },
      ])
      expect(status(context)[0]?.healthy).toBe(true)
      expect(await look()).toEqual([])
      expect(watcher.isContent).toBe(true)
    })

  test('a dry run tells of it once, and changes nothing', async () => {
    const { kernel, context } = await stageOf({ title: '', before: [[article]], harm: 'table', specs: [] })
    const { watcher, look } = watcherOf(kernel, context, { dryRun: true })
    const before = kernel.snapshot()
    expect(await look(nft)).toMatchObject([{ event: 'differs', spaces: ['myspace'], by: [{ name: 'nft' }] }])
    expect(await look()).toEqual([])
    expect(kernel.snapshot()).toEqual(before)
    expect(watcher.isContent).toBe(false)
    await up(context, [article])
    expect(await look()).toMatchObject([{ event: 'recovered', spaces: ['myspace'] }])
    expect(watcher.isContent).toBe(true)
  })
})

describe('another natspace', () => {
  test('that takes a space down is respected', async () => {
    const { kernel, context } = newHost()
    await up(context, [article, spec('b')])
    const { look } = watcherOf(kernel, context)
    await down(context, ['b'])
    expect(await look()).toMatchObject([{ event: 'space', space: 'b', change: 'down' }])
    await down(context, ['myspace'])
    const empty = kernel.snapshot()
    expect(await look(nft)).toMatchObject([{ event: 'space', space: 'myspace', change: 'down' }])
    expect(kernel.snapshot()).toEqual(empty)
  })

  test('that brings one up, or changes it, is followed', async () => {
    const { kernel, context } = newHost()
    const { look } = watcherOf(kernel, context)
    await up(context, [article])
    expect(await look()).toMatchObject([{ event: 'space', space: 'myspace', change: 'up' }])
    await up(context, [{ ...article, publish: [publish(9090, 80)] }])
    expect(await look()).toMatchObject([{ event: 'space', space: 'myspace', change: 'changed' }])
    meanwhile(kernel, [flush])
    expect(await look(nft)).toMatchObject([{ event: 'repaired' }])
    expect(status(context)[0]).toMatchObject({ healthy: true, publish: ['9090:80'] })
  })

  test('that is at work is waited for, and what it repairs is no repair of ours', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    const { look, events, pass, watcher } = watcherOf(kernel, context)
    meanwhile(kernel, [flush])
    const lock = kernel.tryLock(context.paths.lock)
    expect(await look(nft)).toEqual([])
    expect(status(context)[0]?.healthy).toBe(false)
    lock?.[Symbol.dispose]()
    await up(context, [article])
    pass(1000)
    await watcher.check()
    expect(events()).toEqual([])
  })

  test('only the named spaces are watched', async () => {
    const { kernel, context } = newHost()
    await up(context, [article, spec('b')])
    const { look } = watcherOf(kernel, context, { names: new Set(['b']) })
    const link = kernel.links(undefined).find(({ name }) => name === 'veth1')
    meanwhile(kernel, [{ type: 'link.delete', where: undefined, name: 'veth1', index: link?.index ?? 0 }])
    expect(await look()).toEqual([])
    expect(status(context, ['myspace'])[0]?.healthy).toBe(false)
  })
})

describe('somebody who undoes each repair', () => {
  test('is named, the space is left alone for a while, and then it is tried again', async () => {
    const { kernel, context } = newHost()
    await up(context, [article, spec('b')])
    const { look, pass, watcher, events } = watcherOf(kernel, context)
    for (let round = 1; round <= usualLimits.repairsInFight; round++) {
      meanwhile(kernel, [flush])
      expect(await look(nft)).toMatchObject([{ event: 'repaired', spaces: ['b', 'myspace'] }])
      pass(1000)
    }
    meanwhile(kernel, [flush])
    expect(await look(nft)).toMatchObject([
      {
        event: 'fight',
        spaces: ['b', 'myspace'],
        over: 'table inet natspace',
        repairs: usualLimits.repairsInFight,
        by: [{ name: 'nft', pid: 4242 }],
        pause: usualLimits.pause,
      },
    ])
    expect(watcher.isContent).toBe(false)
    expect(status(context)[0]?.noted).toMatchObject({ event: 'fight', by: [{ name: 'nft', pid: 4242 }] })
    expect(await look(nft)).toEqual([])
    pass(usualLimits.pause)
    await watcher.check()
    expect(events()).toMatchObject([{ event: 'resumed' }, { event: 'repaired' }])
    expect(watcher.isContent).toBe(true)
    expect(status(context)[0]).not.toHaveProperty('noted')
    expect(kernel.readFolder(context.paths.root)).not.toContain('watch.json')
  })

  test('costs only the space that it is about', async () => {
    const { kernel, context } = newHost()
    await up(context, [article, spec('b')])
    const { look, pass } = watcherOf(kernel, context)
    const deleteCable = (name: string) => {
      const index = kernel.links(undefined).find(link => link.name === name)?.index ?? 0
      meanwhile(kernel, [{ type: 'link.delete', where: undefined, name, index }])
    }
    for (let round = 1; round <= usualLimits.repairsInFight; round++) {
      deleteCable('veth1')
      await look()
      pass(1000)
    }
    deleteCable('veth1')
    deleteCable('veth-b')
    const events = await look()
    expect(events).toMatchObject([
      { event: 'fight', spaces: ['myspace'], by: [] },
      { event: 'repaired', spaces: ['b'] },
    ])
  })

  test('is fought again at once when natspace is told to', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    const { look, watcher, events } = watcherOf(kernel, context)
    for (let round = 0; round <= usualLimits.repairsInFight; round++) {
      meanwhile(kernel, [flush])
      await look(nft)
    }
    expect(status(context)[0]?.healthy).toBe(false)
    watcher.resume()
    expect(watcher.due).toBe(0)
    await watcher.check()
    expect(events()).toMatchObject([{ event: 'resumed', spaces: ['myspace'] }, { event: 'repaired' }])
  })
})

describe('what cannot be repaired', () => {
  test('does not keep other spaces from being repaired, and is told when it fails twice', async () => {
    const { kernel, context } = newHost()
    const end = (name: string, index: number) => ({
      where: undefined,
      name,
      index,
      address: `02:00:00:00:00:${index}`,
      mtu: undefined,
    })
    const wg0: Change = { type: 'veth.add', ...end('wg0', 70), peer: end('wg1', 71) }
    meanwhile(kernel, [wg0])
    await up(context, [spec('a', { uplink: 'wg0' }), spec('b')])
    const { look, pass, watcher, events } = watcherOf(kernel, context)
    meanwhile(kernel, [{ type: 'link.delete', where: undefined, name: 'wg0', index: 70 }, flush])
    const first = await look(nft)
    expect(first).toMatchObject([
      {
        event: 'differs',
        spaces: ['a'],
        // Not what the step is for: nothing leaves with an inside address.
        drift: [
          {
            resource: "uplink 'wg0'",
            found: 'no such link',
            without: expect.stringMatching(/alone.*refused/),
          },
        ],
      },
      { event: 'repaired', spaces: ['b'] },
    ])
    pass(200)
    await watcher.check()
    expect(events()).toMatchObject([{ event: 'failed', spaces: ['a'], error: { code: 'NO_SUCH_UPLINK' } }])
    // Told once, though it is tried again.
    pass(100_000)
    await watcher.check()
    expect(events()).toEqual([])
    meanwhile(kernel, [wg0])
    pass(100_000)
    const back = await look()
    expect(back.map(({ event }) => event)).toEqual(['recovered', 'repaired'])
    expect(status(context).every(({ healthy }) => healthy)).toBe(true)
  })

  test('a namespace that somebody else made and deleted is theirs to make again', async () => {
    const { kernel, context } = newHost()
    meanwhile(kernel, [{ type: 'directory.add', path: '/run/netns', mode: 0o755 }])
    meanwhile(kernel, [{ type: 'namespace.add', path: '/run/netns/theirs' }])
    await up(context, [spec('theirs')])
    const { look, watcher } = watcherOf(kernel, context)
    meanwhile(kernel, [{ type: 'namespace.delete', path: '/run/netns/theirs' }])
    expect(await look()).toMatchObject([
      { event: 'differs', spaces: ['theirs'], drift: [{ step: 'namespace' }] },
    ])
    expect(await look()).toEqual([])
    expect(watcher.isContent).toBe(false)
    meanwhile(kernel, [{ type: 'namespace.add', path: '/run/netns/theirs' }])
    const back = await look()
    expect(back.map(({ event }) => event)).toEqual(['recovered', 'repaired'])
    expect(status(context)[0]?.healthy).toBe(true)
  })

  test('a repair that is undone before it is over counts as undone', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    const openKernel = (): Kernel => {
      const fresh = new FakeKernel(kernel.machine)
      const { change } = fresh
      fresh.change = changes => {
        const outcomes = change.call(fresh, changes)
        if (kernel.ruleset(undefined).tables.length > 0) meanwhile(kernel, [flush])
        return outcomes
      }
      return fresh
    }
    meanwhile(kernel, [flush])
    const { look, pass, watcher, events } = watcherOf(kernel, context, { openKernel })
    const seen = [await look(nft)]
    for (let attempt = 0; attempt < 10; attempt++) {
      pass(2000)
      await watcher.check()
      seen.push(events())
    }
    expect(seen.flat().map(({ event }) => event)).toEqual(['failed', 'fight'])
    expect(seen.flat()[0]).toMatchObject({ error: { code: 'VERIFY_FAILED' }, by: [{ name: 'nft' }] })
    expect(status(context)[0]?.noted?.event).toBe('fight')
  })

  test('a failure of the moment is tried again without a word', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    let fails = true
    const openKernel = (): Kernel => {
      const fresh = new FakeKernel(kernel.machine)
      return fails ? failingKernel(fresh, { at: 1 }) : fresh
    }
    const { look, pass, watcher, events } = watcherOf(kernel, context, { openKernel })
    meanwhile(kernel, [flush])
    expect(await look(nft)).toEqual([])
    fails = false
    pass(150)
    expect(watcher.due).toBeLessThanOrEqual(1_000_000 + 155)
    await watcher.check()
    expect(events()).toMatchObject([{ event: 'repaired', by: [{ name: 'nft' }] }])
  })
})

describe('the way out', () => {
  test('gives its MTU to cables whose MTU nobody asked for', async () => {
    const { kernel, context } = newHost()
    await up(context, [article, spec('fixed', { mtu: 1500 })])
    const { look } = watcherOf(kernel, context)
    const index = kernel.links(undefined).find(({ name }) => name === 'eth0')?.index ?? 0
    meanwhile(kernel, [{ type: 'link.set', where: undefined, name: 'eth0', index, mtu: 1400 }])
    expect(status(context, ['myspace'])[0]).toMatchObject({
      healthy: false,
      drift: [{ resource: 'MTU of veth1', expected: "1400, as 'eth0' has", found: '1500' }],
    })
    expect(status(context, ['fixed'])[0]?.healthy).toBe(true)
    expect(await look()).toMatchObject([
      { event: 'uplink', before: { name: 'eth0', mtu: 1500 }, after: { name: 'eth0', mtu: 1400 } },
      { event: 'repaired', spaces: ['myspace'] },
    ])
    const mtus = kernel.links(undefined).map(({ name, mtu }) => [name, mtu])
    expect(Object.fromEntries(mtus)).toMatchObject({ veth1: 1400, 'veth-fixed': 1500 })
    expect(await look()).toEqual([])
  })

  test('a source address that goes away is told, by status too, and when it is back', async () => {
    const { kernel, context } = newHost()
    await up(context, [spec('a', { source: { ipv4: '192.168.1.32' } })])
    const { look } = watcherOf(kernel, context)
    const index = kernel.links(undefined).find(({ name }) => name === 'eth0')?.index ?? 0
    const address = { where: undefined, name: 'eth0', index, address: '192.168.1.32', prefixLength: 24 }
    meanwhile(kernel, [
      { type: 'address.add', ...address, address: '192.168.1.99' },
      { type: 'address.delete', ...address },
    ])
    expect(status(context)[0]).toMatchObject({
      healthy: false,
      drift: [{ resource: 'source 192.168.1.32', found: 'no link has this address' }],
    })
    const events = await look()
    expect(events).toMatchObject([{ event: 'uplink' }, { event: 'differs', spaces: ['a'] }])
    meanwhile(kernel, [{ type: 'address.add', ...address }])
    // The default route went with the address, and does not come back with it.
    expect(await look()).toMatchObject([{ event: 'recovered', spaces: ['a'] }])
  })
})

describe('connections between spaces', () => {
  test('a repair neither fails for a peer that is gone, nor forgets it', async () => {
    const { kernel, context } = newHost()
    await up(context, [spec('db', { address: '10.9.0.2' }), spec('web', { connect: ['db'] })])
    const { look } = watcherOf(kernel, context)
    await down(context, ['db'])
    expect((await look()).map(({ event }) => event)).toEqual(['space', 'differs'])
    meanwhile(kernel, [flush])
    expect(await look(nft)).toMatchObject([{ event: 'repaired', spaces: ['web'] }])
    await up(context, [spec('db', { address: '10.9.1.2' })])
    const events = await look()
    expect(events).toMatchObject([
      { event: 'space', space: 'db' },
      { event: 'recovered', spaces: ['web'] },
      { event: 'repaired', spaces: ['web'], drift: [{ resource: 'connection to db' }] },
    ])
    expect(status(context).every(({ healthy }) => healthy)).toBe(true)
  })
})

test('what was lost is told, and is a reason to look', async () => {
  const { kernel, context } = newHost()
  await up(context, [article])
  const { watcher, source, reports } = watcherOf(kernel, context)
  reports.splice(0)
  expect(watcher.hear()).toBe(false)
  meanwhile(kernel, [flush])
  source.lose('nf_tables')
  expect(watcher.hear()).toBe(true)
  await watcher.check()
  watcher.end()
  expect(reports).toMatchObject([
    { type: 'lost', channel: 'nf_tables' },
    { type: 'event', event: 'repaired' },
    { type: 'end', repairs: 1, lost: 1 },
  ])
})

describe('trouble', () => {
  test('of a look is told when it lasts, and tried again until it is over', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    let fails = false
    const openKernel = (): Kernel => {
      const fresh = new FakeKernel(kernel.machine)
      if (fails)
        fresh.links = () => {
          throw new DumpInterruptedError('RTM_GETLINK', 8)
        }
      return fresh
    }
    const { look, pass, watcher, events } = watcherOf(kernel, context, { openKernel })
    fails = true
    meanwhile(kernel, [flush])
    expect(await look(nft)).toEqual([])
    for (let attempt = 0; attempt < 5; attempt++) {
      pass(watcher.due)
      await watcher.check()
    }
    expect(events()).toMatchObject([{ event: 'trouble', message: expect.stringContaining('RTM_GETLINK') }])
    expect(watcher.isContent).toBe(false)
    fails = false
    await watcher.check()
    expect(events()).toMatchObject([{ event: 'repaired', by: [{ name: 'nft' }] }])
    expect(watcher.isContent).toBe(true)
  })

  test('with the record of one space says nothing of the others', async () => {
    const { kernel, context } = newHost()
    await up(context, [article, spec('b')])
    const { look, watcher } = watcherOf(kernel, context)
    const path = recordPath(context.paths, 'myspace')
    const text = kernel.readFile(path) ?? ''
    meanwhile(kernel, [{ type: 'file.write', path, text: 'not JSON', mode: 0o600 }, flush])
    expect(await look(nft)).toMatchObject([
      { event: 'failed', spaces: ['myspace'], error: { code: 'STATE_UNREADABLE' } },
      { event: 'repaired', spaces: ['b'] },
    ])
    expect(watcher.isContent).toBe(false)
    expect(await look()).toEqual([])
    meanwhile(kernel, [{ type: 'file.write', path, text, mode: 0o600 }])
    const back = await look()
    expect(back.map(({ event }) => event)).toEqual(['recovered', 'repaired'])
    expect(status(context).every(({ healthy }) => healthy)).toBe(true)
  })

  test('that is a mistake of natspace is not hidden', async () => {
    const { kernel, context } = newHost()
    let fails = false
    const { watcher } = watcherOf(kernel, context, {
      openKernel: () => {
        if (fails) throw new TypeError('a mistake')
        return new FakeKernel(kernel.machine)
      },
    })
    fails = true
    await expect(watcher.check()).rejects.toThrow(TypeError)
  })
})

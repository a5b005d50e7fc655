import { afterAll, beforeAll, beforeEach, describe, expect, test as plainTest } from 'bun:test'
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { EventSocket } from '../../src/linux/netlink/event-socket.ts'
import { NETLINK_ROUTE, routeGroups } from '../../src/linux/rtnetlink/types.ts'
import { PathWatch } from '../../src/linux/sys/inotify.ts'
import { waitReadable } from '../../src/linux/sys/poll.ts'
import { down } from '../../src/space/reconcile/down.ts'
import { status } from '../../src/space/reconcile/status.ts'
import { up } from '../../src/space/reconcile/up.ts'
import { statePaths } from '../../src/space/state/records.ts'
import { KernelSigns } from '../../src/space/watch/kernel-signs.ts'
import { look } from '../../src/space/watch/look.ts'
import type { WatchReport } from '../../src/space/watch/report.ts'
import type { Channel, Interest, Sign } from '../../src/space/watch/sign.ts'
import { Watcher } from '../../src/space/watch/watcher.ts'
import { ip, openDescriptors, openedSince, requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import { spec } from '../support/up-scenarios.ts'

/** What the kernel says by itself, in this process and on this kernel. */
requireSandbox()

const test = requireTool('ip', 'nft', 'sysctl')
const kernel = new LinuxKernel()
const paths = statePaths('/run/natspace-watch-signs')
const context = { kernel, paths }

beforeAll(async () => {
  ip('link add way0 type veth peer name way1')
  ip('address add 192.0.2.1/24 dev way0')
  ip('link set way0 up')
  ip('route add default via 192.0.2.254 dev way0')
  await up(context, [spec('web', { ipv6: 'off' })])
  run('ip', ['netns', 'add', 'stranger'])
  ip('link add cable0 type veth peer name cable1 netns stranger')
})
afterAll(async () => {
  ip('link delete cable0')
  run('ip', ['netns', 'delete', 'stranger'])
  await down(context, ['web'])
  ip('link delete way0')
  kernel[Symbol.dispose]()
})

describe('signs', () => {
  let signs: KernelSigns
  let interest: Interest
  beforeAll(() => {
    signs = KernelSigns.open()
    interest = look(context, undefined).interest
    signs.follow(interest)
  })
  afterAll(() => signs[Symbol.dispose]())
  beforeEach(() => {
    signs.read(interest)
  })

  /** The kinds of signs that an action gives. */
  const areasOf = (action: () => void): string[] => {
    action()
    return [...new Set(read(signs, interest).signs.map(({ area }) => area))].sort()
  }

  const changes: [string, string, string[]][] = [
    ['a link of ours', 'ip link set veth-web mtu 1400', ['link']],
    ['a link inside', 'ip -n web link set eth0 mtu 1400', ['link']],
    ['an address inside', 'ip -n web address add 10.77.0.1/32 dev eth0', ['address', 'route']],
    ['a route inside', 'ip -n web route add 10.78.0.0/16 dev eth0', ['route']],
    ['the default route', 'ip route change default via 192.0.2.253 dev way0', ['route']],
    ['the MTU of the way out', 'ip link set way0 mtu 1400', ['link']],
    ['a routing rule', 'ip rule add to 10.79.0.0/16 table 79', ['rule']],
    ['the ruleset', 'nft add table ip strangers', ['firewall']],
    ['a setting with an event', 'sysctl -qw net.ipv4.conf.veth-web.rp_filter=2', ['setting']],
    ['a setting without one', 'sysctl -qw net.ipv4.conf.veth-web.accept_redirects=1', ['setting']],
    ['a queueing discipline', 'tc qdisc add dev veth-web root pfifo', ['queueing-discipline']],
  ]
  for (const [title, command, expected] of changes)
    test(`tell of ${title}`, () => {
      expect(areasOf(() => run('sh', ['-ec', command]))).toEqual(expected)
    })

  const others: [string, string][] = [
    ['a link of somebody else', 'ip link set cable0 up'],
    ['a link in a namespace of somebody else', 'ip -n stranger link set cable1 mtu 1400'],
    ['a route of somebody else', 'ip route add 10.80.0.0/16 dev way0 table 80'],
    ['a new namespace', 'ip netns add another; ip netns delete another'],
    ['a setting of somebody else', 'sysctl -qw net.ipv4.conf.cable0.rp_filter=2'],
  ]
  for (const [title, command] of others)
    test(`say nothing of ${title}`, () => {
      expect(areasOf(() => run('sh', ['-ec', command]))).toEqual([])
    })

  test('name who changed the ruleset, and leave out what this process changed itself', () => {
    run('nft', ['add', 'chain', 'ip', 'strangers', 'theirs'])
    expect(read(signs, interest).signs).toMatchObject([{ area: 'firewall', by: { name: 'nft' } }])
    kernel.change([
      {
        type: 'nftables.commit',
        where: undefined,
        commands: [{ type: 'table.delete', family: 'ip', table: 'strangers' }],
        generation: undefined,
      },
    ])
    expect(areasOf(() => {})).toEqual([])
  })

  test('ten thousand new elements are one sign', () => {
    const elements = Array.from({ length: 10_000 }, (_, index) => `10.81.${index >> 8}.${index & 255}`)
    run(
      'nft',
      ['-f', '-'],
      `table ip many {\nset s {\ntype ipv4_addr\nelements = { ${elements.join(', ')} }\n}\n}`,
    )
    expect(read(signs, interest).signs).toHaveLength(1)
    run('nft', ['delete', 'table', 'ip', 'many'])
    expect(read(signs, interest).signs).toHaveLength(1)
  })
})

const read = (signs: KernelSigns, interest: Interest): { signs: Sign[]; lost: Channel[] } => {
  // The kernel delivers before the program that asked goes on, but inotify is told a little later.
  waitReadable(signs.descriptors, 50)
  return signs.read(interest)
}

describe('a storm', () => {
  test('that overflows the buffers is told as lost, and what it hid is found and repaired', async () => {
    await up(context, [spec('web', { ipv6: 'off' })])
    using signs = KernelSigns.open(1)
    const reports: WatchReport[] = []
    const watcher = new Watcher({
      paths,
      openKernel: () => new LinuxKernel(),
      source: signs,
      report: report => reports.push(report),
    })
    watcher.begin()
    await watcher.check()
    watcher.hear()
    reports.splice(0)
    const lines = Array.from({ length: 400 }, (_, index) => `link set dev veth-web alias storm${index}`)
    const alias = kernel.links(undefined).find(({ name }) => name === 'veth-web')?.alias
    run('ip', ['-batch', '-'], `${lines.join('\n')}\nlink set dev veth-web alias ${alias}\n`)
    run('sh', [
      '-ec',
      'for n in $(seq 20); do nft add table ip t; nft delete table ip t; done; nft flush ruleset',
    ])
    expect(status(context)[0]?.healthy).toBe(false)
    expect(watcher.hear()).toBe(true)
    expect(reports.map(report => report.type === 'lost' && report.channel).sort()).toEqual([
      'nf_tables',
      'rtnetlink',
    ])
    await watcher.check()
    expect(status(context)[0]).toMatchObject({ healthy: true, drift: [] })
    expect(reports.filter(report => report.type === 'event' && report.event === 'repaired')).toHaveLength(1)
    watcher.end()
    expect(reports.at(-1)).toMatchObject({ type: 'end', repairs: 1 })
  })

  test('with room for it costs few looks and no repair', async () => {
    await up(context, [spec('web', { ipv6: 'off' })])
    using signs = KernelSigns.open()
    let looks = 0
    const reports: WatchReport[] = []
    const watcher = new Watcher({
      paths,
      openKernel: () => {
        looks++
        return new LinuxKernel()
      },
      source: signs,
      report: report => reports.push(report),
    })
    watcher.begin()
    const lines = Array.from(
      { length: 2000 },
      (_, index) => `link set dev veth-web txqueuelen ${1000 + (index % 2)}`,
    )
    run('ip', ['-batch', '-'], lines.join('\n'))
    while (watcher.hear()) await watcher.check()
    expect(looks).toBeLessThan(10)
    expect(reports.filter(({ type }) => type !== 'snapshot')).toEqual([])
  })
})

describe('a subscription', () => {
  plainTest('leaves no descriptor open, and keeps no namespace alive', () => {
    const before = openDescriptors()
    {
      using socket = EventSocket.open(NETLINK_ROUTE, { groups: [routeGroups.link], allNamespaces: true })
      run('ip', ['netns', 'add', 'short'])
      ip('link add short0 type veth peer name short1 netns short')
      run('ip', ['netns', 'delete', 'short'])
      // With its namespace the cable goes, some time later.
      const end = performance.now() + 10_000
      const isThere = () => kernel.links(undefined).some(({ name }) => name === 'short0')
      while (isThere() && performance.now() < end) waitReadable([socket.descriptor], 20)
      expect(isThere()).toBe(false)
    }
    expect(openedSince(before)).toEqual([])
  })

  plainTest('to paths tells of files that are written and of names that come and go', () => {
    const folder = '/run/natspace-watch-paths'
    mkdirSync(folder)
    using watch = PathWatch.open()
    expect(watch.add(folder, 'folder')).toBe(true)
    expect(watch.add(`${folder}/missing`, 'file')).toBe(false)
    writeFileSync(`${folder}/one`, 'text')
    expect(watch.add(`${folder}/one`, 'file')).toBe(true)
    writeFileSync(`${folder}/one`, 'more')
    rmSync(`${folder}/one`)
    const events = watch.read()
    expect(events).toContainEqual({ path: folder, name: 'one' })
    expect(events).toContainEqual({ path: `${folder}/one`, name: undefined })
    // Anew under the same name: another file, which is watched in its place.
    writeFileSync(`${folder}/one`, '')
    watch.add(`${folder}/one`, 'file')
    watch.read()
    writeFileSync(`${folder}/one`, 'again')
    expect(watch.read()).toContainEqual({ path: `${folder}/one`, name: undefined })
    expect(watch.paths).toEqual([folder, `${folder}/one`])
    watch.remove(`${folder}/one`)
    rmSync(`${folder}/one`)
    watch.read()
    rmdirSync(folder)
    expect(watch.read()).toContainEqual({ path: folder, name: undefined })
    expect(watch.read()).toEqual([])
  })
})

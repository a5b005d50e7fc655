/**
 * The kill matrix: SIGKILL at every system call of the compiled command that changes something, on the real kernel. After
 * each the next command, whoever gives it, must find a host that it can bring to where it should be: `up` again makes what
 * was asked for, and `gc` or `down` lead back to what was there before, byte by byte.
 *
 * All points take minutes, so a run tries every few of them, beginning at another one each time; it prints which.
 * NATSPACE_CRASH=all tries all, NATSPACE_CRASH=N begins at the N-th.
 */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { run as natspace } from '../../src/cli/run.ts'
import { differences, type Snapshot, snapshotKinds, takeSnapshot } from '../../src/lab/snapshot.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { type Killed, killAt, killPointsOf } from '../support/kill-points.ts'
import { ip, requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'strace')

/** How many points lie between two that are tried. */
const stride = process.env.NATSPACE_CRASH === 'all' ? 1 : 6
const start =
  stride === 1 ? 0 : Number(process.env.NATSPACE_CRASH ?? Math.floor(Date.now() / 1000) % stride) % stride

let points = 0
let tried = 0
let beside = 0

const words = (text: string): string[] => text.split(' ').filter(Boolean)
const gateway = '--gateway 192.168.45.2/24 --address 192.168.45.3 --host-interface veth1 --interface veth2'

const article = `up myspace ${gateway} --uplink eth0 -p 8080:80`
const both = `${article} -p 9000-9003 -p [::1]:5353:53/udp --ipv6 on --fix-firewall --rate-up 10mbit --rate-down 50mbit`
const other =
  'up myspace --host-interface outer --address 10.9.0.2 --egress 10.0.0.0/8 -p 9100:80/udp --fix-firewall'
const second = 'up b -p 90:80'

type Case = {
  title: string
  /** Brings about what is there before the command that is killed. */
  before: string[]
  /** What is left over behind natspace's back. */
  harm?: () => void
  killed: string
  /** What the same user would do again, and what is healthy then. */
  again: string[]
  healthy: string[]
  /** Whether what was harmed is nobody's business but the killed command's. */
  harmStays?: true
  /** Spaces that must be healthy once the kill was put in order by somebody else; default: those of `before`. */
  settled?: string[]
}

const of = (title: string, space: string): Case[] => [
  { title: `up: ${title}`, before: [], killed: space, again: [space], healthy: ['myspace'], settled: [] },
  {
    title: `publish: ${title}`,
    before: [space],
    killed: 'publish myspace 8443:443 5300:53/udp',
    again: ['publish myspace 8443:443 5300:53/udp'],
    healthy: ['myspace'],
  },
  {
    title: `unpublish: ${title}`,
    before: [space],
    killed: 'unpublish myspace 8080',
    again: [space],
    healthy: ['myspace'],
  },
  {
    title: `down: ${title}`,
    before: [space],
    killed: 'down myspace',
    again: [space],
    healthy: ['myspace'],
    settled: [],
  },
  {
    title: `gc: ${title}`,
    before: [space, second],
    harm: () => {
      rmSync('/run/natspace/spaces/myspace.json')
      writeFileSync('/run/natspace/spaces/c.json.77.tmp', '{', { mode: 0o600 })
    },
    killed: 'gc',
    again: ['gc', space],
    healthy: ['b', 'myspace'],
    settled: ['b'],
  },
]

const cases: Case[] = [
  ...of('the article', article),
  ...of('both families, published, through another firewall', both),
  {
    title: 'up: a living space that changes',
    before: [both, second],
    killed: other,
    again: [other],
    healthy: ['b', 'myspace'],
  },
  {
    title: 'watch: a repair',
    before: [both, second],
    harm: () => {
      ip('link delete veth1')
      run('nft', ['delete table inet natspace'])
    },
    harmStays: true,
    killed: 'watch --once',
    again: [both, second],
    healthy: ['b', 'myspace'],
  },
  {
    title: 'down: one of two spaces',
    before: [both, second],
    killed: 'down myspace',
    again: [both],
    healthy: ['b', 'myspace'],
    settled: ['b'],
  },
]

/** Runs a command line in this process; throws unless it succeeds. Returns what it printed. */
const command = async (line: string): Promise<string> => {
  let text = ''
  const keep = (part: string): void => {
    text += part
  }
  const status = await natspace(words(line), {}, { out: keep, err: keep })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(signal)
  if (status !== 0) throw new Error(`natspace ${line} ended with ${status}: ${text}`)
  return text
}

const picture = (): Snapshot => {
  using kernel = new LinuxKernel()
  return takeSnapshot(kernel)
}

const difference = (one: Snapshot, two: Snapshot): string =>
  snapshotKinds.flatMap(kind => differences(one[kind], two[kind]).map(line => `${kind}: ${line}`)).join('\n')

/** The kernel ends namespaces and cables some time after it has answered. */
const expectBaseline = async (baseline: Snapshot): Promise<void> => {
  let found = ''
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    found = difference(baseline, picture())
    if (found === '') return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error(`not as before:\n${found}`)
}

/** The names of all spaces, each of which must be as it should be. */
const healthyNames = async (): Promise<string[]> => {
  const listed = JSON.parse(await command('ls --json')).data as { name: string; healthy: boolean }[]
  expect(listed.filter(({ healthy }) => !healthy)).toEqual([])
  return listed.map(({ name }) => name).sort()
}

/** What follows a kill. Each ends where nothing is left. */
const ways: [string, (item: Case) => Promise<void>][] = [
  [
    'again',
    async ({ again, healthy }) => {
      for (const line of again) await command(line)
      expect(await healthyNames()).toEqual(healthy)
      await command('down --all')
    },
  ],
  [
    'gc',
    async ({ before, settled, harmStays }) => {
      const untouched = before.map(line => words(line)[1] ?? '').sort()
      const isKnown = existsSync('/run/natspace/journal.json')
      const shown = await command('gc --dry-run')
      await command('gc')
      expect(JSON.parse(await command('gc --json')).data.operations).toEqual([])
      expect(shown).not.toBe('')
      if (harmStays) {
        await command('down --all')
        return
      }
      // Before the journal is written nothing was begun; after it is removed all was done.
      const names = await healthyNames()
      expect(isKnown ? [settled ?? untouched] : [settled ?? untouched, untouched]).toContainEqual(names)
      await command('down --all')
    },
  ],
  [
    'down',
    async () => {
      await command('down myspace b')
      // What bore no name of a space any more is left to gc.
      await command('gc')
    },
  ],
]

let baseline: Snapshot

beforeAll(async () => {
  if (existsSync('/run/netns')) run('sh', ['-c', 'umount /run/netns 2>/dev/null; rmdir /run/netns'])
  ip('link add eth0 type veth peer name eth0-peer')
  for (const name of ['eth0', 'eth0-peer']) {
    run('sysctl', ['-qw', `net.ipv6.conf.${name}.accept_dad=0`, `net.ipv6.conf.${name}.forwarding=0`])
    ip(`link set ${name} up`)
  }
  ip('address add 192.168.1.32/24 dev eth0')
  ip('address add 2001:db8::32/64 dev eth0 nodad')
  ip('route add default via 192.168.1.1')
  // What the kernel overwrites when forwarding is turned on, and what only somebody else could have set.
  run('sysctl', ['-qw', 'net.ipv4.conf.eth0.forwarding=1', 'net.ipv4.conf.all.accept_redirects=0'])
  run('nft', [
    'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }',
  ])
  // The first use of connection tracking loads it, which adds settings.
  await command(both)
  await command('down --all')
  let found = picture()
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    await new Promise(resolve => setTimeout(resolve, 200))
    const next = picture()
    if (difference(found, next) === '') break
    found = next
  }
  baseline = found
}, 60_000)

afterAll(() => {
  ip('link delete eth0')
  run('nft', ['delete table ip filter'])
  process.stderr.write(
    stride === 1
      ? `killed at each of ${points} system calls, ${tried} times, and ${beside} times beside one\n`
      : `killed ${tried} times, at every ${stride}th of ${points} system calls from the ${start + 1}th on, and ${beside} times beside one (NATSPACE_CRASH=${start})\n`,
  )
})

/** Kills beside the place that is meant, before it is given up. */
const mostTries = 4

describe('killed at every system call that changes something', () => {
  for (const [number, item] of cases.entries())
    test(
      item.title,
      async () => {
        const arrange = async () => {
          for (const line of item.before) await command(line)
          item.harm?.()
        }
        // What a test before this one left, if it failed.
        await command('down --all')
        await command('gc')
        await arrange()
        const all = killPointsOf(words(item.killed))
        await command('down --all')
        await command('gc')
        await expectBaseline(baseline)
        points += all.length
        expect(all.length).toBeGreaterThan(5)
        // Now and then the runtime makes so many calls of its own that the kill is beside its place each time.
        let [hit, missed] = [0, 0]
        for (const [index, point] of all.entries()) {
          if ((index + number) % stride !== start) continue
          // After each kill one way onward is taken where only some points are tried, else all of them.
          const chosen =
            stride === 1 ? ways : [ways[(Math.floor(index / stride) + number) % ways.length] ?? ways[0]]
          for (const way of chosen) {
            if (way === undefined) continue
            const [title, onward] = way
            try {
              let at: Killed | undefined
              for (let times = 0; at?.there !== true && times < mostTries; times++) {
                await arrange()
                at = killAt(point, words(item.killed), at?.by)
                // Wherever it was killed, the way onward must lead there.
                if (at.there || at.killed) await onward(item)
                else await command('down --all')
                await expectBaseline(baseline)
              }
              if (at?.there === true) hit++
              else missed++
            } catch (error) {
              throw new Error(
                `${title} after a kill at call ${index + 1} of ${all.length}, ${point.text}: ${error instanceof Error ? error.message : String(error)}`,
                { cause: error },
              )
            }
          }
        }
        tried += hit
        beside += missed
        expect(hit).toBeGreaterThan(0)
      },
      stride === 1 ? 900_000 : 240_000,
    )
})

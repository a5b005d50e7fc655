/** Why the kernel drops packets, in its own words and by its counters. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { counterEvidence, readCounters } from '../../src/insight/walk/drop-counters.ts'
import {
  type DropOptions,
  DropWatcher,
  type KernelDrop,
  type KernelNews,
} from '../../src/insight/walk/drop-reasons.ts'
import { TracingUnavailableError } from '../../src/insight/walk/trace-instance.ts'
import { mountDetached } from '../../src/linux/sys/detached-mount.ts'
import { namesIn, readSmallFile } from '../../src/linux/sys/files.ts'
import { waitReadable } from '../../src/linux/sys/poll.ts'
import { openDescriptors, openedSince, requireSandbox, run } from '../support/sandbox.ts'
import { inside, ping, raiseStage, sendUdp, strikeStage, until } from '../support/walk-stage.ts'

requireSandbox()

const isRootOfMachine =
  readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).join(' ') === '0 0 4294967295'
const hasTracefs = readFileSync('/proc/filesystems', 'utf8').includes('\ttracefs\n')

beforeAll(() =>
  raiseStage(`
table ip nat {
  chain POSTROUTING {
    type nat hook postrouting priority srcnat
    oifname walk1 masquerade
  }
}
table ip filter {
  chain FORWARD {
    type filter hook forward priority filter
    udp dport 9 drop
  }
}`),
)
afterAll(strikeStage)

const set = (key: string, value: string) => run('sh', ['-c', `echo ${value} >/proc/sys/net/ipv4/${key}`])

/** What the kernel tells while something is done. */
const watch = (options: DropOptions, action: () => void): KernelNews[] => {
  using watcher = DropWatcher.open(options)
  action()
  expect(waitReadable([watcher.descriptor], 1000)).toEqual([watcher.descriptor])
  return watcher.read()
}
/** The kernel tells of the whole machine: another run of these tests may have a link of the same name. */
const dropsBy = (news: readonly KernelNews[], device: string): string[] =>
  news
    .filter((item): item is KernelDrop => item.type === 'drop' && item.device === device)
    .map(({ reason, protocol }) => `${reason} ${protocol}`)

/** Names of a process's tracers beside the machine's own. */
const instances = (pid = process.pid): string[] => {
  using mount = mountDetached('tracefs')
  return namesIn(`/proc/self/fd/${mount.number}/instances`).filter(name =>
    name.startsWith(`natspace-${pid}-`),
  )
}

if (!isRootOfMachine || !hasTracefs)
  test('the reasons are refused with a clear word', () => {
    const descriptors = openDescriptors()
    let failure: unknown
    try {
      DropWatcher.open()
    } catch (error) {
      failure = error
    }
    expect(failure).toBeInstanceOf(TracingUnavailableError)
    expect((failure as TracingUnavailableError).reason).toBe(hasTracefs ? 'no-privilege' : 'no-tracefs')
    expect((failure as TracingUnavailableError).message).toMatch(/reasons of dropped packets/)
    expect(openedSince(descriptors)).toEqual([])
  })
else
  describe('the reasons of the kernel', () => {
    test('tell a rule that drops, the link that the packet came in by, and where in the kernel', () => {
      const news = watch({ families: [4], devices: ['walk0'] }, () => sendUdp('10.32.0.2', 9))
      expect(dropsBy(news, 'walk0')).toContain('NETFILTER_DROP 2048')
      const drop = news.find(item => item.type === 'drop' && item.device === 'walk0') as KernelDrop
      expect(drop.location).toMatch(/^\w+$/)
      expect(drop.time).toBeGreaterThan(0)
    })

    test('tell the reverse path filter, and a host that has no route', () => {
      set('conf/walk0/rp_filter', '1')
      run('ip', ['-n', 'walk-inside', 'address', 'add', '10.32.0.77/32', 'dev', 'eth0'])
      try {
        const news = watch({ families: [4], devices: ['walk0'] }, () => {
          expect(ping('walk-inside', '10.32.0.2', '-I', '10.32.0.77')).toBe(1)
        })
        expect(dropsBy(news, 'walk0')).toContain('IP_RPFILTER 2048')
      } finally {
        set('conf/walk0/rp_filter', '0')
        run('ip', ['-n', 'walk-inside', 'address', 'del', '10.32.0.77/32', 'dev', 'eth0'])
      }
      const news = watch({ families: [4], devices: ['walk0'] }, () => {
        expect(ping('walk-inside', '192.0.2.1')).toBe(1)
      })
      expect(dropsBy(news, 'walk0')).toContain('IP_INNOROUTES 2048')
    })

    test('come with the routing look-ups, when these are asked for', () => {
      const news = watch({ families: [4], lookUps: true }, () => sendUdp('10.32.0.2', 9))
      const found = news.filter(
        item => item.type === 'look-up' && item.destination === '10.32.0.2' && item.device === 'walk1',
      )
      expect(found[0]).toMatchObject({ source: '10.31.0.2', error: 0, gateway: '0.0.0.0', table: 254 })
    })

    test('leave nothing behind: no instance, no mount, no descriptor', () => {
      const before = {
        instances: instances(),
        mounts: readSmallFile('/proc/self/mounts'),
      }
      const open = openDescriptors()
      {
        using watcher = DropWatcher.open()
        expect(watcher.read()).toEqual([])
        expect(instances()).toHaveLength(1)
      }
      expect({
        instances: instances(),
        mounts: readSmallFile('/proc/self/mounts'),
      }).toEqual(before)
      expect(openedSince(open)).toEqual([])
    })

    test('of a killed process leave an instance that the next start removes, and those of the living stay', () => {
      const source = join(import.meta.dirname, '../../src')
      const program = `
        import { DropWatcher } from '${source}/insight/walk/drop-reasons.ts'
        globalThis.kept = DropWatcher.open()
        setInterval(() => {}, 1000)`
      const child = spawn(process.execPath, ['-e', program], { stdio: 'ignore' })
      const isThere = () => instances(child.pid).length > 0
      until('the instance of another process', isThere)
      // It is made and then opened: a moment later nobody can take it away.
      Bun.sleepSync(100)
      DropWatcher.open()[Symbol.dispose]()
      expect(isThere()).toBe(true)
      child.kill('SIGKILL')
      until('its removal', () => {
        DropWatcher.open()[Symbol.dispose]()
        return !isThere()
      })
    })
  })

describe('the counters', () => {
  test('tell the same without privilege, each with its meaning', () => {
    const grown = (action: () => void, where?: string) => {
      const before = readCounters(where)
      action()
      return counterEvidence(before, readCounters(where)).map(({ counter, by }) => `${counter} ${by}`)
    }
    expect(grown(() => ping('walk-inside', '10.32.0.2'))).toEqual(['Ip.ForwDatagrams 2'])
    expect(grown(() => ping('walk-inside', '10.32.0.2'), inside)).toEqual([])
    expect(grown(() => ping('walk-inside', '192.0.2.1'))).toContain('IpExt.InNoRoutes 1')
    expect(grown(() => ping('walk-inside', 'fd32::2'))).toEqual(['Ip6.OutForwDatagrams 2'])
    set('conf/walk0/forwarding', '0')
    try {
      expect(grown(() => ping('walk-inside', '10.32.0.2'))).toContain('Ip.InAddrErrors 1')
    } finally {
      set('conf/walk0/forwarding', '1')
    }
  })
})

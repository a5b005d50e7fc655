/** Ctrl-C, SIGTERM and SIGHUP finish or undo what is in hand; SIGKILL leaves it to the next command, who waits for programs. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type KillPoint, killPointsOf, signalAt } from '../support/kill-points.ts'
import { ip, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { findTool, requireTool, type Test } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'strace')
const executable = join(import.meta.dirname, '../../dist/natspace')

const article = 'up myspace --gateway 192.168.45.2/24 --address 192.168.45.3 --uplink eth0 -p 8080:80'.split(
  ' ',
)
const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

const natspace = (...args: string[]) => tryRun(executable, args)
const list = (): { name: string; healthy: boolean }[] => {
  const { stdout } = natspace('ls', '--json')
  return JSON.parse(stdout).data
}
const pointsOf = (arrange: () => void, args: readonly string[]): KillPoint[] => {
  arrange()
  // Files are opened by the runtime too, a varying number of times.
  const points = killPointsOf(args).filter(({ name }) => name !== 'openat' && name !== 'write')
  natspace('down', '--all')
  return points
}
const journal = '/run/natspace/journal.json'

beforeAll(() => {
  if (existsSync('/run/netns')) run('sh', ['-c', 'umount /run/netns 2>/dev/null; rmdir /run/netns'])
  ip('link add eth0 type veth peer name eth0-peer')
  for (const name of ['eth0', 'eth0-peer']) ip(`link set ${name} up`)
  ip('address add 192.168.1.32/24 dev eth0')
  ip('route add default via 192.168.1.1')
})

afterAll(() => {
  ip('link delete eth0')
})

describe('a signal in the middle', () => {
  const commands: [string, string[][], string[], (names: string[]) => void][] = [
    ['up', [], article, names => expect(names).toEqual(['myspace'])],
    ['publish', [article], ['publish', 'myspace', '8443:443'], names => expect(names).toEqual(['myspace'])],
    ['unpublish', [article], ['unpublish', 'myspace', '8080'], names => expect(names).toEqual(['myspace'])],
    ['down', [article], ['down', 'myspace'], names => expect(names).toEqual([])],
  ]
  for (const [title, before, args, check] of commands)
    test(`of ${title}: it is finished, and the status tells of the signal`, () => {
      const arrange = () => {
        for (const command of before) expect(natspace(...command).status).toBe(0)
      }
      const points = pointsOf(arrange, args)
      for (const [index, signal] of (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).entries()) {
        const point = points[Math.floor(((index + 1) * points.length) / 4)]
        if (point === undefined) throw new Error('the command changes nothing')
        arrange()
        expect(signalAt(point, args, signal)).toBe(statuses[signal])
        expect(existsSync(journal)).toBe(false)
        expect(list().filter(({ healthy }) => !healthy)).toEqual([])
        check(list().map(({ name }) => name))
        natspace('down', '--all')
        expect(existsSync('/run/natspace')).toBe(false)
      }
    }, 60_000)

  test('nor do many signals stop it', () => {
    const all = pointsOf(() => void natspace(...article), ['down', 'myspace'])
    const first = all.find(({ name }) => name === 'sendto')
    if (first === undefined) throw new Error('down sends nothing')
    natspace(...article)
    expect(signalAt(first, ['down', 'myspace'], 'SIGTERM', 'and every later one')).toBe(143)
    expect(list()).toEqual([])
    expect(existsSync('/run/natspace')).toBe(false)
  }, 60_000)

  test('who waits for another stops at once, and nothing was begun', async () => {
    mkdirSync('/run/natspace', { mode: 0o700 })
    const holder = spawn('flock', ['/run/natspace/lock', 'sh', '-c', 'echo held; read line'])
    await new Promise(resolve => holder.stdout.once('data', resolve))
    const waiting = spawn(executable, article, { stdio: ['ignore', 'ignore', 'pipe'] })
    await until(() => heedsInterrupt(waiting.pid))
    const ended = exitOf(waiting)
    waiting.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(natspace('ls', '--json').stdout).toContain('"data":[]')
    const refused = tryRun('env', ['NATSPACE_LOCK_TIMEOUT=0.1', executable, 'down', 'myspace'])
    expect(refused.status).toBe(5)
    // Whoever lives and holds it is named.
    expect(refused.stderr).toContain(`process ${holder.pid} (flock /run/natspace/lock sh -c`)
    const freed = exitOf(holder)
    holder.stdin.end('\n')
    await freed
    expect(natspace('down', 'myspace').status).toBe(0)
    expect(existsSync('/run/natspace')).toBe(false)
  }, 60_000)
})

/** The front end of another firewall that takes its time: it says that it has begun, and waits for leave to go on. */
const slowly: Test = readFileSync('/proc/self/uid_map', 'utf8').includes('4294967295')
  ? requireTool('ip', 'iptables-legacy')
  : name =>
      void process.stderr.write(
        `without the test '${name}': root of the machine alone sees the tables of iptables-legacy\n`,
      )
const real = '/run/real'

describe('a program that changes another firewall', () => {
  const start = async () => {
    const target = realpathSync(findTool('iptables-legacy') ?? '')
    mkdirSync(real)
    copyFileSync(target, `${real}/multi`)
    chmodSync(`${real}/multi`, 0o755)
    for (const name of ['iptables-legacy', 'ip6tables-legacy'])
      symlinkSync(`${real}/multi`, `${real}/${name}`)
    run(`${real}/iptables-legacy`, ['-P', 'FORWARD', 'DROP'])
    writeFileSync(
      `${real}/slow`,
      `#!/bin/sh
case " $* " in *' -A '*|*' -I '*) echo >${real}/begun; for turn in $(seq 2000); do [ -e ${real}/go ] && break; sleep 0.01; done;; esac
exec ${real}/"\${0##*/}" "$@"
`,
      { mode: 0o755 },
    )
    run('mount', ['--bind', `${real}/slow`, target])
    const child = spawn(executable, [...article, '--fix-firewall'], { stdio: 'ignore', detached: true })
    await until(() => existsSync(`${real}/begun`))
    return child
  }
  const end = () => {
    run('umount', [realpathSync(findTool('iptables-legacy') ?? '')])
    expect(natspace('down', '--all').status).toBe(0)
    expect(run(`${real}/iptables-legacy`, ['-S'])).not.toContain('natspace')
    run(`${real}/iptables-legacy`, ['-P', 'FORWARD', 'ACCEPT'])
    rmSync(real, { recursive: true })
    expect(existsSync('/run/natspace')).toBe(false)
  }

  slowly(
    'is not ended by Ctrl-C, which goes to all of a terminal',
    async () => {
      const child = await start()
      const ended = exitOf(child)
      process.kill(-(child.pid ?? 0), 'SIGINT')
      writeFileSync(`${real}/go`, '')
      expect(await ended).toBe(130)
      expect(list()).toMatchObject([{ name: 'myspace', healthy: true }])
      end()
    },
    60_000,
  )

  slowly(
    'keeps the lock of one that was killed, so that nobody undoes what is still being done',
    async () => {
      const child = await start()
      const ended = exitOf(child)
      child.kill('SIGKILL')
      await ended
      const refused = tryRun('env', ['NATSPACE_LOCK_TIMEOUT=0.1', executable, 'gc'])
      expect(refused.status).toBe(5)
      expect(refused.stderr).toMatch(/another natspace is at work: process \d+ \(.*iptables-legacy/)
      writeFileSync(`${real}/go`, '')
      const collected = natspace('gc')
      expect({ ...collected, stdout: '' }).toMatchObject({ status: 0 })
      expect(collected.stderr).toContain('INTERRUPTED')
      expect(run(`${real}/iptables-legacy`, ['-S'])).not.toContain('natspace')
      expect(list()).toEqual([])
      end()
    },
    60_000,
  )
})

/** Whether a process has a handler for SIGINT. */
const heedsInterrupt = (pid: number | undefined): boolean => {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${caught}`) & 2n) !== 0n
}

const exitOf = (child: ReturnType<typeof spawn>): Promise<number | null> =>
  new Promise(resolve => child.once('exit', code => resolve(code)))

const until = async (condition: () => boolean): Promise<void> => {
  for (const end = performance.now() + 10_000; !condition(); ) {
    if (performance.now() > end) throw new Error('waited in vain')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** At a terminal: how far many spaces are, and Ctrl-C among them. The terminal is that of script(1). */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ip, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'script', 'flock', 'stty')
const executable = join(import.meta.dirname, '../../dist/natspace')
const count = 400
const file = '/run/many-spaces.yaml'
const environment = { ...process.env, TERM: 'xterm', CI: '', NO_COLOR: '1' }

const natspace = (...args: string[]) => tryRun(executable, args)

/** All that natspace could leave behind. */
const picture = () => ({
  links: run('ip', ['-o', 'link']).split('\n').length,
  // Those of IPv6 come by themselves, some time after a link is up.
  routes: run('ip', ['-4', 'route', 'show', 'table', 'all']),
  ruleset: run('nft', ['list', 'ruleset']),
  forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
  run: readdirSync('/run').sort(),
  namespaces: existsSync('/run/netns') ? readdirSync('/run/netns') : [],
})
let before: ReturnType<typeof picture>

beforeAll(() => {
  if (existsSync('/run/netns')) run('sh', ['-c', 'umount /run/netns 2>/dev/null; rmdir /run/netns'])
  ip('link add eth0 type veth peer name eth0-peer')
  for (const name of ['eth0', 'eth0-peer']) ip(`link set ${name} up`)
  ip('address add 192.168.1.32/24 dev eth0')
  ip('route add default via 192.168.1.1')
  const names = Array.from(
    { length: count },
    (_, index) => `  many${index}: { publish: ["${10000 + index}:80"] }\n`,
  )
  writeFileSync(file, `spaces:\n${names.join('')}`)
  before = picture()
})

afterAll(() => {
  natspace('down', '--all')
  ip('link delete eth0')
  rmSync(file, { force: true })
})

type Ended = { status: number | null; text: string }

/**
 * Runs a command while somebody else holds the lock for longer than a person is left without a word, so that it takes long
 * on the fastest machine too. `onText` is given all that it has printed, each time that there is more.
 */
const runLong = async (
  command: readonly string[],
  {
    onText,
    pidOf,
  }: {
    onText?: (text: string, type: (keys: string) => void) => void
    pidOf: (pid: number) => number | undefined
  },
): Promise<Ended> => {
  mkdirSync('/run/natspace', { mode: 0o700, recursive: true })
  const holder = spawn('flock', ['/run/natspace/lock', 'sh', '-c', 'echo held; read line'])
  await new Promise(resolve => holder.stdout.once('data', resolve))
  const [program = '', ...args] = command
  const child = spawn(program, args, { env: environment })
  let text = ''
  const take = (data: Buffer) => {
    text += data.toString()
    onText?.(text, keys => child.stdin.write(keys))
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  await until(() => heedsInterrupt(pidOf(child.pid ?? 0)))
  const since = performance.now()
  await until(() => performance.now() - since > 1100)
  const freed = new Promise(resolve => holder.once('exit', resolve))
  holder.stdin.end('\n')
  await freed
  return { status: await ended, text }
}

const onPipes = (...args: string[]) => runLong([executable, ...args], { pidOf: pid => pid })

/** At a terminal of so many columns; the command is the one child of script. */
const atTerminal = (
  args: readonly string[],
  {
    columns = 80,
    onText,
  }: {
    columns?: number
    onText?: (text: string, type: (keys: string) => void) => void
  } = {},
) => {
  const line = `stty cols ${columns}; exec ${executable} ${args.join(' ')}`
  const pidOf = (script: number) => {
    const child = readFileSync(`/proc/${script}/task/${script}/children`, 'utf8').trim()
    return child === '' ? undefined : Number(child)
  }
  return runLong(['script', '-qec', line, '/dev/null'], {
    pidOf,
    ...(onText === undefined ? {} : { onText }),
  })
}

/** Each text that was shown and written over. */
const shown = (text: string): string[] =>
  [...text.matchAll(/\r([^\r\n]*)\x1b\[K/g)].map(match => match[1] ?? '')

/** What is left of a text on a terminal, at the end. */
const remaining = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map(line => line.slice(line.lastIndexOf('\r') + 1).replaceAll('\x1b[K', ''))
    .join('\n')

const onceAt = (pattern: RegExp) => {
  let isTyped = false
  return (text: string, type: (keys: string) => void) => {
    if (isTyped || !pattern.test(text)) return
    isTyped = true
    type('\x03')
  }
}

test('how far many are is told at a terminal, and nothing of that remains; nor is any of it on a pipe', async () => {
  const plain = await onPipes('up', '-f', file)
  expect(plain.status).toBe(0)
  expect(plain.text).toMatch(/^[^\r\x1b]*$/)
  expect(plain.text).toEndWith(`${count} of ${count} spaces changed; all are up\n`)
  expect(natspace('down', '-q', '--all').status).toBe(0)

  const { status, text } = await atTerminal(['up', '-f', file])
  expect(status).toBe(0)
  const making = shown(text).filter(line => line.startsWith('making'))
  expect(making).not.toEqual([])
  for (const line of making)
    expect(line).toMatch(
      /^making {2}[\d,]+ of [\d,]+ changes( {2}· {2}[\d,.]+\/s( {2}· {2}[\d.]+ s left)?)?$/,
    )
  expect(remaining(text)).toBe(plain.text)
}, 60_000)

describe('Ctrl-C in the middle of many', () => {
  // What is up from above comes first.
  test('down: it goes on to its end', async () => {
    const { status, text } = await atTerminal(['down', '--all'], {
      columns: 30,
      onText: onceAt(/taking down {2}[1-9]/),
    })
    expect(status).toBe(130)
    for (const line of shown(text)) expect(line.length).toBeLessThan(30)
    const lines = remaining(text).trimEnd().split('\n')
    expect(lines.length).toBe(count)
    expect(lines.filter(line => !line.endsWith(' is down'))).toEqual([])
    expect(picture()).toEqual(before)
  }, 60_000)

  test('up: all is taken back', async () => {
    const { status, text } = await atTerminal(['up', '-f', file], { onText: onceAt(/making {2}[1-9]/) })
    expect(status).toBe(130)
    expect(remaining(text)).toMatch(
      /^natspace: stopped by SIGINT: nothing is changed, .*\n {2}code: STOPPED\n$/,
    )
    expect(picture()).toEqual(before)
  }, 60_000)

  test('gc: it goes on to its end', async () => {
    expect(natspace('up', '-q', '-f', file).status).toBe(0)
    // Without their records they belong to nobody.
    rmSync('/run/natspace/spaces', { recursive: true })
    const { status, text } = await atTerminal(['gc'], { onText: onceAt(/taking down {2}[1-9]/) })
    expect(status).toBe(130)
    expect(remaining(text)).not.toContain('taking down')
    expect(picture()).toEqual(before)
  }, 60_000)
})

/** Whether a process has a handler for SIGINT. */
const heedsInterrupt = (pid: number | undefined): boolean => {
  if (pid === undefined) return false
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${caught}`) & 2n) !== 0n
}

const until = async (condition: () => boolean): Promise<void> => {
  for (const end = performance.now() + 10_000; !condition(); ) {
    if (performance.now() > end) throw new Error('waited in vain')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** At a terminal: how far many spaces are, and Ctrl-C among them. The terminal is that of script(1). */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ip, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'script', 'strace', 'stty')
const executable = join(import.meta.dirname, '../../dist/natspace')
const count = 48
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
type OnText = (text: string, type: (keys: string) => void) => void

/**
 * Has strace(1) delay calls, so that a command takes longer than a person is left without a word, and some time in every
 * part of its work, on the fastest machine too.
 */
const slowly = (args: readonly string[]): string[] => {
  const delays = [
    'flock:delay_enter=1100000',
    'sendto:delay_enter=5000',
    'unshare:delay_enter=8000',
    'umount2:delay_enter=8000',
  ]
  const injected = delays.flatMap(delay => ['-e', `inject=${delay}`])
  return [
    'strace',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=flock,sendto,unshare,umount2',
    ...injected,
    executable,
    ...args,
  ]
}

/** Runs a command; `onText` is given all that it has printed, each time that there is more, and types keys. */
const runWatched = ([program = '', ...args]: readonly string[], onText?: OnText): Promise<Ended> => {
  const child = spawn(program, args, { env: environment })
  let text = ''
  const take = (data: Buffer) => {
    text += data.toString()
    onText?.(text, keys => child.stdin.write(keys))
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  return new Promise(resolve => child.once('close', status => resolve({ status, text })))
}

const onPipes = (...args: string[]) => runWatched(slowly(args))

/** At a terminal of so many columns. */
const atTerminal = (
  args: readonly string[],
  { columns = 80, onText }: { columns?: number; onText?: OnText } = {},
) =>
  runWatched(['script', '-qec', `stty cols ${columns}; exec ${slowly(args).join(' ')}`, '/dev/null'], onText)

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

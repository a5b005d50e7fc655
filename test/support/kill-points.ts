import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Kills the command at a chosen system call, from outside: strace(1) records all calls of a run that may change something,
 * and in another run that begins in the same state sends SIGKILL as the n-th of one name is entered; the kernel does
 * not carry it out then. Only the main thread is followed: it makes all the calls of natspace.
 */

const executable = join(import.meta.dirname, '../../dist/natspace')

/** A system call that changes something: the n-th of that name in the run. */
export type KillPoint = {
  name: string
  nth: number
  text: string
  /** The how many-th that reads so. */
  occurrence: number
}

const calls = [
  ...['openat', 'write', 'sendto', 'sendmsg', 'mount', 'umount2', 'unshare'],
  ...[
    'mkdir',
    'mkdirat',
    'rename',
    'renameat',
    'renameat2',
    'unlink',
    'unlinkat',
    'rmdir',
    'execve',
    'clone',
    'vfork',
  ],
]

/** Requests that make, change or remove: of rtnetlink, nf_tables and ctnetlink; strace does not know each socket's own. */
const changing =
  /RTM_(?:NEW|DEL|SET)|NFNL_MSG_BATCH|IPCTNL_MSG_CT_DELETE|nlmsg_type=(?:NFNL_SUBSYS_CTNETLINK<<8\|0x2|0x1[0134589cd]|0x2[0145])\b/

const isMutation = (name: string, line: string): boolean => {
  switch (name) {
    case 'openat':
      return /O_CREAT|O_TRUNC/.test(line)
    case 'write':
      // Wake-ups of the runtime's own threads are no files, nor is what the command prints.
      return /^write\([0-9]+<\/(?!dev\/)/.test(line)
    case 'sendto':
    case 'sendmsg':
      return changing.test(line)
    case 'rmdir':
      // What traces of others left is the machine's, and may be gone the next time.
      return !line.includes('/instances/')
    case 'execve':
    case 'clone':
    case 'vfork':
      return false
    default:
      return true
  }
}

/** The points of a run of the command, which must succeed. Throws otherwise. */
export const killPointsOf = (args: readonly string[]): KillPoint[] => {
  const { trace, status, stderr } = underStrace(
    ['-y', '-s', '40', '-e', `trace=${present().join(',')}`],
    args,
  )
  if (status !== 0) throw new Error(`natspace ${args.join(' ')} ended with ${status}: ${stderr}`)
  const counts = new Map<string, number>()
  const alike = new Map<string, number>()
  const points: KillPoint[] = []
  for (const line of trace.split('\n')) {
    const name = /^(\w+)\(/.exec(line)?.[1]
    if (name === undefined) continue
    const nth = (counts.get(name) ?? 0) + 1
    counts.set(name, nth)
    const text = essence(line)
    const occurrence = (alike.get(text) ?? 0) + 1
    alike.set(text, occurrence)
    if (isMutation(name, line)) points.push({ name, nth, text, occurrence })
  }
  return points
}

/** Where a command was killed; `by`: how many calls of that name off the one that is meant is, as far as can be told. */
export type Killed = { there: true } | { there: false; killed: boolean; by: number }

/**
 * Runs the command and kills it as it enters that call, or the one that comes `by` calls of the name later. It may be
 * another than is meant, or none: the runtime makes calls of its own now and then, such as to read how much memory it uses.
 * Throws when the command failed.
 */
export const killAt = (
  { name, nth, text, occurrence }: KillPoint,
  args: readonly string[],
  by = 0,
): Killed => {
  const { trace, signal, status, stderr } = underStrace(
    ['-s', '40', '-e', `trace=${name}`, '-e', `inject=${name}:signal=SIGKILL:when=${nth + by}`],
    args,
  )
  const killed = signal === 'SIGKILL'
  if (!killed && status !== 0) throw new Error(`not killed at ${text}: status ${status}\n${stderr}`)
  const made = trace.split('\n').filter(line => line.startsWith(`${name}(`))
  const places = made.flatMap((line, index) => (essence(line) === text ? [index + 1] : []))
  const place = places[occurrence - 1]
  if (killed && place === made.length) return { there: true }
  return { there: false, killed, by: place === undefined ? by + 1 : place - nth }
}

/**
 * Sends the command another signal as it enters that call, which is carried out; or as it enters every later one of that
 * name, too. Returns the exit status. Throws when a signal ended it.
 */
export const signalAt = (
  { name, nth }: KillPoint,
  args: readonly string[],
  signal: NodeJS.Signals,
  often: 'once' | 'and every later one' = 'once',
): number => {
  const when = often === 'once' ? `${nth}` : `${nth}+`
  const { status, trace } = underStrace(
    ['-e', `trace=${name}`, '-e', `inject=${name}:signal=${signal}:when=${when}`],
    args,
  )
  if (!trace.includes(`--- ${signal} `)) throw new Error(`there were less than ${nth} calls of ${name}`)
  if (status === null) throw new Error(`natspace ${args.join(' ')} was ended by ${signal}`)
  return status
}

/** A call without what differs from run to run: numbers, descriptors, addresses of memory, and its result. */
const essence = (line: string): string =>
  line
    .replace(/<[^>]*>/g, '')
    .replace(/ += .*$/, '')
    .replace(/nlmsg_seq=\d+/g, 'nlmsg_seq=N')
    .replace(/0x[0-9a-f]+\b|\d+/g, 'N')
    .slice(0, 60)

let known: string[] | undefined

/** Those of the calls that this machine has: some are of older architectures alone. */
const present = (): string[] => {
  known ??= calls.filter(
    name => spawnSync('strace', ['-e', `trace=${name}`, 'true'], { stdio: 'ignore' }).status === 0,
  )
  return known
}

const underStrace = (options: readonly string[], args: readonly string[]) => {
  if (!existsSync(executable)) throw new Error('dist/natspace is missing: npm run build')
  const folder = mkdtempSync(join(tmpdir(), 'natspace-strace-'))
  const file = join(folder, 'trace')
  try {
    const { status, signal, stderr, error } = spawnSync(
      'strace',
      ['-qq', '-o', file, ...options, executable, ...args],
      { encoding: 'utf8', timeout: 30_000, killSignal: 'SIGTERM', stdio: ['ignore', 'ignore', 'pipe'] },
    )
    if (error) throw error
    return { status, signal, stderr, trace: readFileSync(file, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** `natspace ui` as a user starts it: the built executable, its link, its two processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type RawAnswer, requestText, sendRaw } from '../../src/server/front/front.test-support.ts'

const executable = join(import.meta.dirname, '../../dist/natspace')
const patience = 20_000

/** Waits until it is so; throws after a generous time. */
export const until = async (what: string, isSo: () => boolean): Promise<void> => {
  const end = performance.now() + patience
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

export type Ui = {
  child: ChildProcess
  /** The process that speaks HTTP, and the one that speaks to the kernel. */
  front: number
  engine: number
  /** The network namespace of the engine. */
  namespace: string
  links(): string[]
  stderr(): string
  /** Resolves with the exit status, or the signal. */
  ended: Promise<number | string>
}

const started = new Set<ChildProcess>()

/** Ends whatever a test that failed has left running. */
export const endLeftOver = (): void => {
  for (const child of started) child.kill('SIGTERM')
}

/** Starts it, and waits for its link. Throws when it ends before. */
export const startUi = async (
  args: readonly string[],
  environment: Record<string, string | undefined> = {},
): Promise<Ui> => {
  if (!existsSync(executable)) throw new Error('dist/natspace is missing: npm run build')
  const env = { ...process.env, DISPLAY: '', WAYLAND_DISPLAY: '', NO_COLOR: '1', ...environment }
  const child = spawn(executable, ['ui', ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env })
  started.add(child)
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => {
    out += chunk
  })
  child.stderr.on('data', chunk => {
    err += chunk
  })
  let end: number | string | undefined
  const ended = new Promise<number | string>(resolve => {
    child.once('exit', (status, signal) => {
      started.delete(child)
      end = status ?? signal ?? 'unknown'
      resolve(end)
    })
  })
  const links = () => out.match(/https?:\/\/[^\s"]+/g) ?? []
  await until('it prints its link', () => links().length > 0 || end !== undefined)
  if (links().length === 0) throw new Error(`it ended with ${end}: ${out}${err}`)
  const front = child.pid ?? 0
  const engine = engineOf(front)
  const namespace = readlinkSync(`/proc/${engine}/ns/net`)
  return { child, front, engine, namespace, links, stderr: () => err, ended }
}

/** The child that is the engine; beside it there may be the program that opens the browser. */
const engineOf = (front: number): number => {
  const children = readFileSync(`/proc/${front}/task/${front}/children`, 'utf8').trim().split(' ').map(Number)
  const engine = children.find(child => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('--engine'))
  if (engine === undefined) throw new Error(`${front} has no engine among ${children.join(', ')}`)
  return engine
}

/** The port and the token of a link. */
export const linkParts = (link: string): { port: number; token: string } => {
  const { port, hash } = new URL(link)
  return { port: Number(port), token: hash.slice(1) }
}

/** Enters by the newest link; the returned function asks as that browser. */
export const enter = async (ui: Ui) => {
  const { port, token } = linkParts(ui.links().at(-1) ?? '')
  const answer = await sendRaw(port, requestText(port, 'POST /api/session', {}, JSON.stringify({ token })))
  const cookie = answer.headers['set-cookie']?.split(';')[0]
  if (cookie === undefined) throw new Error(`not let in: ${answer.raw}`)
  const ask = (
    line: string,
    changes: Record<string, string | null> = {},
    body?: unknown,
  ): Promise<RawAnswer> =>
    sendRaw(
      port,
      requestText(port, line, { cookie, ...changes }, body === undefined ? undefined : JSON.stringify(body)),
    )
  return { port, token, cookie, ask }
}

/** Whether a process runs; one that waits to be collected does not. */
export const isAlive = (process: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${process}/status`, 'utf8'))
  } catch {
    // There is no such process any more.
    return false
  }
}

/** What a process has used of the CPU, in hundredths of a second: utime and stime of proc_pid_stat(5). */
export const cpuTicks = (process: number): number => {
  const text = readFileSync(`/proc/${process}/stat`, 'utf8')
  // The name before may have spaces in it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** Processes in a network namespace, of those that may be looked at. */
export const processesIn = (namespace: string): string[] =>
  readdirSync('/proc').filter(name => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readlinkSync(`/proc/${name}/ns/net`) === namespace
    } catch {
      // It has ended, or is somebody else's: then it is none of ours.
      return false
    }
  })

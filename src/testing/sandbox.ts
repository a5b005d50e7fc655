import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/**
 * Theory of operation. Code that works with network namespaces needs privileges which nobody should give a test suite, and
 * could cut off the machine that it runs on. So it runs in a process of its own, inside new user, network, mount and process
 * namespaces: root there and nobody outside, with an empty network, a /run of its own, and no way out. unshare(1) makes
 * the namespaces, as a process with several threads cannot; a second start of this module is their first process,
 * furnishes them and runs the command. When that ends, or its time is over, the first process ends; with it the kernel
 * ends whatever the command has left running, and clears everything away.
 */

export type SandboxOptions = {
  /**
   * Whether there is an uplink: eth0 with 192.0.2.2/24, and behind it, in the namespace `outside`, the router 192.0.2.1
   * with the default route. By itself there is one. (192.0.2.0/24 is for documentation, RFC 5737.)
   */
  uplink?: boolean
  cwd?: string
  env?: Readonly<Record<string, string | undefined>>
  /** What the command reads on standard input. Default: nothing. */
  input?: string
  /** Where its output goes: to the result (the default), or where that of this process goes. */
  output?: 'collect' | 'inherit'
  /** Milliseconds after which the command, and all that it has started, is killed; then `signal` is SIGKILL. */
  timeout?: number
  /** Kills it before it ends by itself; the promise is rejected with an AbortError. */
  signal?: AbortSignal
}

/** What the command printed (empty where its output was inherited), and how it ended: by a status or by a signal. */
export type SandboxResult = {
  exitCode: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const entry = fileURLToPath(new URL(`./sandbox-entry.${extension}`, import.meta.url))

/**
 * Runs a command in a network of its own, as root there, and returns what it printed and how it ended. Whatever it leaves
 * running ends with it. Needs unshare(1) of util-linux, and a kernel that lets users make user namespaces; no privilege.
 * Throws what starting it throws (ENOENT), and AbortError. Exit status 127: there is no such program, 126: it cannot be run,
 * 125: the sandbox could not be made.
 * Equivalent to: `unshare --user --map-root-user --net --mount --pid --fork COMMAND`, with an uplink inside
 *
 * @example
 * ```ts
 * import { runInSandbox } from 'natspace/testing'
 *
 * const { exitCode } = await runInSandbox([process.execPath, '--test', 'network.test.js'], { output: 'inherit' })
 * ```
 */
export const runInSandbox = (
  command: readonly string[],
  { uplink = true, cwd, env = process.env, input, output = 'collect', timeout, signal }: SandboxOptions = {},
): Promise<SandboxResult> =>
  new Promise((resolve, reject) => {
    if (!Array.isArray(command) || command.length === 0) throw new TypeError('the command is a list of words')
    const isRoot = process.getuid?.() === 0
    const spaces = [...(isRoot ? [] : ['--user', '--map-root-user']), '--net', '--mount', '--pid']
    const flags = [...spaces, '--propagation', 'private', '--fork', '--kill-child']
    const inner = [process.execPath, entry, uplink ? 'uplink' : 'empty', ...command]
    const told = output === 'inherit' ? 'inherit' : 'pipe'
    const child = spawn('unshare', [...flags, '--', ...inner], {
      cwd,
      env: { ...env },
      timeout,
      signal,
      killSignal: 'SIGKILL',
      stdio: ['pipe', told, told, 'pipe'],
    })
    child.on('error', reject)
    // A command that does not read to the end closes the pipe: that is its right.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
    const closed = new Promise<SandboxEnd>(settle => {
      child.on('close', (exitCode, signal) => settle({ exitCode, signal }))
    })
    const report = child.stdio[3] as Readable | null | undefined
    Promise.all([textOf(child.stdout), textOf(child.stderr), textOf(report), closed]).then(
      ([stdout, stderr, end, outer]) =>
        resolve({ ...(end === '' ? outer : (JSON.parse(end) as SandboxEnd)), stdout, stderr }),
      reject,
    )
  })

type SandboxEnd = Pick<SandboxResult, 'exitCode' | 'signal'>

/** All that comes, to the end. */
const textOf = (stream: Readable | null | undefined): Promise<string> =>
  new Promise((resolve, reject) => {
    if (!stream) return resolve('')
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('error', reject)
    stream.on('close', () => resolve(Buffer.concat(parts).toString()))
  })

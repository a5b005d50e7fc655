import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Theory of operation. Code that works with network namespaces needs privileges which nobody should give a test suite, and
 * could cut off the machine that it runs on. So it runs in a process of its own, inside new user, network and mount
 * namespaces: root there and nobody outside, with an empty network, a /run of its own, and no way out. unshare(1) makes
 * the namespaces, as a process with several threads cannot; a second start of this module furnishes them and then
 * becomes the command. When the command's last process ends, the kernel clears everything away.
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
  /** Milliseconds after which the command is killed. */
  timeout?: number
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
 * Runs a command in a network of its own, as root there, and returns what it printed and how it ended. Needs unshare(1) of
 * util-linux, and a kernel that lets users make user namespaces; no privilege. Throws what starting it throws (ENOENT).
 * Equivalent to: `unshare --user --map-root-user --net --mount COMMAND`, with an uplink inside
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
  { uplink = true, cwd, env = process.env, input, output = 'collect', timeout }: SandboxOptions = {},
): Promise<SandboxResult> =>
  new Promise((resolve, reject) => {
    const isRoot = process.getuid?.() === 0
    const flags = [...(isRoot ? [] : ['--user', '--map-root-user']), '--net', '--mount']
    const inner = [process.execPath, entry, uplink ? 'uplink' : 'empty', ...command]
    const child = spawn('unshare', [...flags, '--propagation', 'private', '--', ...inner], {
      cwd,
      env: { ...env },
      timeout,
      killSignal: 'SIGKILL',
      stdio: ['pipe', output === 'inherit' ? 'inherit' : 'pipe', output === 'inherit' ? 'inherit' : 'pipe'],
    })
    const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    child.stdout?.on('data', (part: Buffer) => parts.stdout.push(part))
    child.stderr?.on('data', (part: Buffer) => parts.stderr.push(part))
    child.on('error', reject)
    // A command that does not read to the end closes the pipe: that is its right.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
    child.on('close', (exitCode, signal) =>
      resolve({
        exitCode,
        signal,
        stdout: Buffer.concat(parts.stdout).toString(),
        stderr: Buffer.concat(parts.stderr).toString(),
      }),
    )
  })

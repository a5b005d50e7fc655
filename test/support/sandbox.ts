/**
 * What every test of the kernel begins with: proof that it cannot reach the machine's own network. `npm test` makes the
 * sandbox; by hand: `NATSPACE_TEST_SANDBOX=1 unshare -nm --propagation private bun test FILE` (as a user, `-Urnm`).
 */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  fstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { Descriptor, openFlags } from '../../src/linux/sys/descriptor.ts'
import { libc } from '../../src/linux/sys/libc.ts'
import { mountFileSystem } from '../../src/linux/sys/namespace.ts'
import './tools.ts'

/** Set by `npm test` (root or user: who runs the tests), or by hand. */
const promised = process.env.NATSPACE_TEST_SANDBOX === '1' || process.env.NATSPACE_TEST_AS !== undefined

/** Present in every new network namespace, the tunnels where their modules are loaded. */
const harmless = /^(lo|tunl0|sit0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|ip6tnl0|ip6gre0)$/

/** A /run that belongs to a sandbox carries this file. */
const marker = '/run/natspace-test-sandbox'

/** Names of this namespace's links, without the code under test. */
const linkNames = (): string[] =>
  readFileSync('/proc/thread-self/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .map(line => line.slice(0, line.lastIndexOf(':')).trim())
    .filter(name => name !== '')

type Kind = 'net' | 'mnt'

/** A process's namespace, or undefined where this process may not look. */
const identity = (process: number | 'self', kind: Kind): string | undefined => {
  try {
    return readlinkSync(`/proc/${process}/ns/${kind}`)
  } catch {
    // Not permitted, which proves nothing: see isOwn.
    return undefined
  }
}

/** Whether this process is in a user namespace below the first: there the kernel lets it change only what is its own. */
const inUserNamespace = (): boolean =>
  readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).join(' ') !== '0 0 4294967295'

const NS_GET_USERNS = 0xb701

/** Whether the namespace belongs to our user namespace (ioctl_ns(2)): then it was made inside of it. */
const belongsToUserNamespace = (kind: Kind): boolean => {
  using namespace = Descriptor.open(`/proc/self/ns/${kind}`, openFlags.readOnly)
  const owner = libc().ioctl(namespace.number, NS_GET_USERNS, 0)
  // EPERM: the owner is further out.
  if (owner < 0) return false
  using descriptor = new Descriptor(owner)
  return fstatSync(descriptor.number).ino === statSync('/proc/self/ns/user').ino
}

/**
 * Whether our namespace was made for the tests. Outside of user namespaces that is proven by a process that this one
 * descends from and that is seen to live in another. One that may not be looked at proves nothing: the first process of
 * some machines hides from root too.
 */
const isOwn = (kind: Kind): boolean => {
  if (inUserNamespace()) return belongsToUserNamespace(kind)
  const own = identity('self', kind)
  for (let ancestor = process.ppid; ancestor > 0; ) {
    const theirs = identity(ancestor, kind)
    if (theirs !== undefined && theirs !== own) return true
    ancestor = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${ancestor}/status`, 'utf8'))?.[1] ?? 0)
  }
  return false
}

/** Why kernel tests may not run here, or undefined when they may. Changes nothing. */
export function whyNoSandbox(): string | undefined {
  if (!promised) return 'neither NATSPACE_TEST_SANDBOX=1 nor NATSPACE_TEST_AS is set'
  for (const kind of ['net', 'mnt'] as const)
    if (!isOwn(kind)) return `its ${kind} namespace is not known to be another than the machine's`
  if (existsSync(marker)) return undefined
  const others = linkNames().filter(name => !harmless.test(name))
  if (others.length > 0) return `it has the links ${others.join(', ')}`
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n')
  if (mounts.some(line => line.includes(' shared:'))) return 'some of its mounts are shared with the machine'
  return undefined
}

/**
 * To be called first in every test file: throws unless network and mounts are a sandbox's, and gives the sandbox a /run
 * of its own if it has none yet. Files of one run share the sandbox, so each must remove what it makes.
 */
export function requireSandbox(): void {
  const reason = whyNoSandbox()
  if (reason !== undefined)
    throw new Error(`This is no sandbox for tests of the kernel: ${reason}. Run \`npm test -- kernel\`.`)
  if (existsSync(marker)) return
  if (!readdirSync('/run').every(name => ['home', 'tmp', 'netns'].includes(name)))
    mountFileSystem('tmpfs', '/run', 'mode=755')
  writeFileSync(marker, '')
}

/** What a program left behind. */
export type Ran = { status: number | null; stdout: string; stderr: string }

/** Runs a program, for 10 seconds at most, and returns what became of it. Throws when there is no such program. */
export function tryRun(command: string, args: readonly string[] = [], input?: string): Ran {
  const options = { encoding: 'utf8', timeout: 10_000, ...(input === undefined ? {} : { input }) } as const
  const { status, stdout, stderr, error } = spawnSync(command, args, options)
  if (error) throw error
  return { status, stdout, stderr }
}

/** As tryRun, but throws unless it succeeds; returns its standard output. */
export function run(command: string, args: readonly string[] = [], input?: string): string {
  const { status, stdout, stderr } = tryRun(command, args, input)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: status ${status}: ${stderr}${stdout}`)
  return stdout
}

/** Runs one command line whose words hold no spaces: `ip('link add dummy0 type dummy')`. */
export const ip = (line: string): string => run('ip', line.split(' '))

/**
 * The descriptors of the kinds that natspace opens (sockets, namespaces, files) that this process has, each with what it
 * leads to. The runtime opens and closes event queues and pipes of its own at any time; they do not count.
 */
export const openDescriptors = (): ReadonlySet<string> =>
  new Set(
    readdirSync('/proc/self/fd').flatMap(name => {
      try {
        const target = readlinkSync(`/proc/self/fd/${name}`)
        return /^(?:anon_inode|pipe):/.test(target) ? [] : [`${name} ${target}`]
      } catch {
        // Closed meanwhile, as the one that listed the folder is.
        return []
      }
    }),
  )

/**
 * Those that were opened since and are still open: to prove that none leaks. What an earlier test of the same process left
 * to the garbage collector may be closed at any time, so a mere count would tell nothing.
 */
export const openedSince = (before: ReadonlySet<string>): string[] =>
  [...openDescriptors()].filter(descriptor => !before.has(descriptor))

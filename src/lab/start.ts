import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync, readlinkSync } from 'node:fs'
import { userNamespaceSettings } from '../linux/probe/system.ts'
import { capability, hasCapability, replaceProcess } from '../linux/sys/process.ts'
import { NatspaceError } from '../space/errors.ts'

/**
 * Theory of operation. The lab is a process in namespaces of its own: it and its threads see no link, route, rule or
 * mount of the machine, and the kernel clears everything away when it ends, however it ends. A user namespace, which
 * gives an ordinary user these powers inside, can only be made by a process with one thread, and this one has more;
 * so it hands over to unshare(1) of util-linux, which makes the namespaces and starts natspace again inside them. What
 * the namespaces were before is passed along in a hidden argument, so that the second start can prove that they are new.
 */

/** Namespaces of a process, as /proc/self/ns shows them: 'net:[4026531840]'. */
export type Origin = { net: string; mnt: string }

export const currentOrigin = (): Origin => ({
  net: readlinkSync('/proc/self/ns/net'),
  mnt: readlinkSync('/proc/self/ns/mnt'),
})

const marker = '--inside='

/** The hidden argument for the second start: '--inside=4026531840,4026531841'. */
export const originArgument = ({ net, mnt }: Origin): string =>
  `${marker}${[net, mnt].map(text => text.replace(/\D/g, '')).join(',')}`

/** Takes the hidden argument off, wherever it stands before `--`; `origin` is undefined at the first start. */
export const takeOrigin = (args: readonly string[]): { origin: Origin | undefined; args: string[] } => {
  const end = args.indexOf('--')
  const at = args.slice(0, end < 0 ? args.length : end).findIndex(arg => arg.startsWith(marker))
  const numbers = /^(\d+),(\d+)$/.exec(args[at]?.slice(marker.length) ?? '')
  if (numbers === null) return { origin: undefined, args: [...args] }
  return { origin: { net: `net:[${numbers[1]}]`, mnt: `mnt:[${numbers[2]}]` }, args: args.toSpliced(at, 1) }
}

/** This very command, for starting it again: the compiled program alone, or the runtime and the script it runs. */
export const ownCommand = (execPath: string, script: string | undefined): string[] =>
  script === undefined || script.startsWith('/$bunfs/') ? [execPath] : [execPath, script]

/** Root makes the namespaces directly; anybody else inside a user namespace, in which he is root. */
const unshareFlags = (): string[] => {
  const may = hasCapability(capability.sysAdmin) && hasCapability(capability.netAdmin)
  const asRoot = process.getuid?.() === 0 && may
  return [...(asRoot ? [] : ['--user', '--map-root-user']), '--net', '--mount', '--propagation', 'private']
}

/** How a program is started in new namespaces: `unshare FLAGS -- PROGRAM`. */
export type NewNamespaces = { unshare: string; flags: string[] }

/**
 * Makes sure that namespaces can be made here. Throws NatspaceError UNSHARE_MISSING (exit 1) or LAB_REFUSED (exit 4).
 */
export const newNamespaces = (): NewNamespaces => {
  const unshare = findProgram('unshare', process.env.PATH)
  if (unshare === undefined)
    throw new NatspaceError({
      code: 'UNSHARE_MISSING',
      exit: 1,
      what: 'cannot start the lab',
      why: 'the program unshare, which makes its namespaces, is not in PATH',
      evidence: [`PATH=${process.env.PATH ?? ''}`],
      fix: ['install util-linux: sudo apt-get install util-linux'],
    })
  const flags = unshareFlags()
  // Once the process is replaced nobody could explain a refusal, so it is tried first; it takes two milliseconds.
  const trial = spawnSync(unshare, [...flags, unshare, '--version'], { encoding: 'utf8', timeout: 10_000 })
  if (trial.status !== 0)
    throw refusal(readKnobs(), trial.error?.message ?? trial.stderr.trim(), flags.includes('--user'))
  return { unshare, flags }
}

/**
 * Starts `natspace lab ARGS` again inside new namespaces; this process becomes that one. Throws NatspaceError
 * UNSHARE_MISSING (exit 1) or LAB_REFUSED (exit 4). Equivalent to: `unshare -rnm --propagation private natspace lab …`
 */
export const startInside = (args: readonly string[]): never => {
  const { unshare, flags } = newNamespaces()
  const command = [
    ...ownCommand(process.execPath, process.argv[1]),
    'lab',
    originArgument(currentOrigin()),
    ...args,
  ]
  return replaceProcess(unshare, ['unshare', ...flags, '--', ...command], process.env)
}

/** The first executable file of that name in PATH. Equivalent to: `command -v NAME` */
export const findProgram = (name: string, path = '/usr/local/bin:/usr/bin:/bin'): string | undefined =>
  path
    .split(':')
    .filter(folder => folder.startsWith('/'))
    .map(folder => `${folder}/${name}`)
    .find(isExecutable)

/** Whether this process may execute the file. */
export const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    // Not there, or not to be run by us: both mean that the next folder is looked at.
    return false
  }
}

const knobs = new Map(userNamespaceSettings.map(setting => [setting.name, setting]))

/** Values by name; settings that this kernel does not have are left out. */
export type Knobs = Record<string, string>

const readKnobs = (): Knobs => {
  const values: Knobs = {}
  for (const name of knobs.keys()) {
    try {
      values[name] = readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') values[name] = String(error)
    }
  }
  return values
}

/** Why no namespaces can be made here: the setting that forbids it, its value, and how it is changed. */
export const refusal = (values: Knobs, words: string, userNamespace: boolean): NatspaceError => {
  const guilty = Object.keys(values).filter(name => values[name] === knobs.get(name)?.refuses)
  const facts = { code: 'LAB_REFUSED', exit: 4, what: 'cannot start the lab' } as const
  const evidence = [
    words || 'unshare failed without a word',
    ...Object.entries(values).map(([name, value]) => `${name} = ${value}`),
  ]
  if (!userNamespace)
    return new NatspaceError({
      ...facts,
      why: 'root may not make namespaces here, as in a container without that privilege',
      evidence,
      fix: ['run it on the machine itself, or give the container CAP_SYS_ADMIN'],
    })
  return new NatspaceError({
    ...facts,
    why:
      guilty.length > 0
        ? `user namespaces are refused by ${guilty.map(name => `${name} = ${values[name]}`).join(' and ')}`
        : 'user namespaces are refused, and by none of the settings known for that: perhaps by a container',
    evidence,
    fix: [
      ...guilty.map(name => `sudo sysctl -w ${name}=${knobs.get(name)?.allows}`),
      'run it as root: sudo natspace lab …',
    ],
  })
}

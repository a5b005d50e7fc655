import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * The namespaces of a lab that `natspace ui --lab` has made for a test, which belong to its engine alone: for what somebody
 * else on host1 would do by hand, such as a rule of nft.
 */

const statusOf = (pid: string): { parent: string; command: string } | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? ''
    return { parent, command: readFileSync(`/proc/${pid}/cmdline`, 'latin1') }
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}

/** The engines that descend from this process. */
const ownEngines = (): string[] => {
  const processes = new Map(
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .flatMap(pid => {
        const status = statusOf(pid)
        return status === undefined ? [] : [[pid, status] as const]
      }),
  )
  const isOurs = (pid: string): boolean => {
    for (let at: string | undefined = pid; at !== undefined && at !== '0'; at = processes.get(at)?.parent)
      if (at === `${process.pid}`) return true
    return false
  }
  return [...processes].flatMap(([pid, { command }]) =>
    command.includes('\0--engine\0lab\0') && isOurs(pid) ? [pid] : [],
  )
}

/** What goes before a command that shall run on the lab's host1, or in another of its namespaces. */
const into = (namespace?: string): string[] => {
  const [pid] = ownEngines()
  if (pid === undefined) throw new Error('natspace ui --lab has no engine')
  const isOther = (kind: string) =>
    readlinkSync(`/proc/${pid}/ns/${kind}`) !== readlinkSync(`/proc/self/ns/${kind}`)
  if (!isOther('net')) throw new Error('the engine of the lab is in the network of this test')
  const user = isOther('user') ? ['--user', '--preserve-credentials'] : []
  const host1 = ['nsenter', '--target', pid, ...user, '--net', '--mount', '--']
  return namespace === undefined ? host1 : [...host1, 'nsenter', `--net=/run/netns/${namespace}`, '--']
}

/** Runs a script of sh on host1, or in the namespace of that name, and returns its output. Throws when it fails. */
export const inLab = (script: string, namespace?: string): string => {
  const [command = '', ...args] = [...into(namespace), 'sh', '-ec', script]
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 })
  if (error) throw error
  if (status !== 0) throw new Error(`${script}: ${stderr}`)
  return stdout
}

/** Runs a file of TypeScript there, and waits for its end; others get their turn meanwhile. Throws when it fails. */
export const runInLab = (namespace: string, file: string, ...args: string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const [command = '', ...rest] = [...into(namespace), process.execPath, file, ...args]
    const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', reject)
    child.once('exit', status =>
      status === 0 ? resolve() : reject(new Error(`${file} ended with status ${status}`)),
    )
  })

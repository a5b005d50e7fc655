import { writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errno, SystemError } from '../linux/sys/errno.ts'
import { enterNamespace, openNamespace } from '../linux/sys/namespace.ts'
import { replaceProcess } from '../linux/sys/process.ts'
import { quote } from '../space/spec/quote.ts'
import { network, type Place, places } from './places.ts'
import { findProgram, isExecutable } from './start.ts'

/** Where the lab keeps what a shell reads at its start; on the lab's own /run. */
const rcFile = '/run/natspace-lab.rc'

/**
 * Enters a place of the lab and becomes the program, or a shell with a prompt that names the place. The lab vanishes
 * when the last of its processes ends, which is this one unless it leaves others in the background. Returns only when
 * the program cannot be started: 127 not found, 126 not executable.
 */
export const becomeProgram = (place: Place, words: readonly string[]): number => {
  const where = places[place]
  if (where !== undefined) {
    using namespace = openNamespace(where)
    enterNamespace(namespace.number)
  }
  const { argv, environment } = words.length > 0 ? { argv: words, environment: {} } : shellCommand(place)
  const [name = ''] = argv
  const PATH = pathInside(process.env.PATH, process.execPath)
  const path = name.includes('/') ? name : findProgram(name, PATH)
  if (path === undefined) return complain(name, 'no such program in PATH', 127)
  try {
    return replaceProcess(path, argv, { ...process.env, PATH, ...environment, NATSPACE_LAB: place })
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    return complain(name, error.code, error.errno === errno.ENOENT ? 127 : 126)
  }
}

const complain = (name: string, why: string, status: number): number => {
  process.stderr.write(`natspace: cannot start ${quote(name)}: ${why}\n`)
  return status
}

/**
 * PATH in the lab. Whoever enters it is root there, and needs the programs of the administrator, which are not on the PATH of
 * an ordinary user of Debian; and natspace itself, by its name, from wherever it was started.
 */
export const pathInside = (path = '/usr/local/bin:/usr/bin:/bin', executable: string): string => {
  const folders = path.split(':')
  const missing = ['/usr/local/sbin', '/usr/sbin', '/sbin'].filter(folder => !folders.includes(folder))
  const isUnknown = basename(executable) === 'natspace' && findProgram('natspace', path) === undefined
  return [...folders, ...missing, ...(isUnknown ? [dirname(executable)] : [])].join(':')
}

type ShellCommand = { argv: readonly string[]; environment: Record<string, string> }

/**
 * $SHELL, with the prompt. bash would set its own in ~/.bashrc, so that is read first and ours after it; a POSIX
 * shell reads the file that ENV names; others take PS1 as it is in the environment.
 */
const shellCommand = (place: Place): ShellCommand => {
  const configured = process.env.SHELL
  const shell = configured?.startsWith('/') && isExecutable(configured) ? configured : '/bin/sh'
  const prompt = `[natspace lab: ${place}] `
  if (basename(shell) === 'bash') {
    writeFileSync(rcFile, `[ -r ~/.bashrc ] && . ~/.bashrc\nPS1='${prompt}\\w \\$ '\n`)
    return { argv: [shell, '--rcfile', rcFile, '-i'], environment: {} }
  }
  writeFileSync(rcFile, `PS1='${prompt}$ '\n`)
  return { argv: [shell, '-i'], environment: { ENV: rcFile, PS1: `${prompt}$ ` } }
}

const hints: Record<Place, readonly string[]> = {
  host1: [
    `natspace status ${network.space.name}`,
    `natspace exec ${network.space.name} -- ip address`,
    'ip netns exec host2 ip address',
  ],
  host2: [`ping ${network.host1}`, 'ip route'],
  myspace: [`ping ${network.host2}`, 'ip route'],
  lan: ['ip link', `ping ${network.host2}`],
}

/** What a person who has just entered a place wants to know. */
export const greeting = (place: Place): string =>
  `This shell is in ${place} of the lab: its network is that of the lab, its files are those
of this machine. The lab is gone when the shell ends. To begin with:
${hints[place].map(command => `  ${command}\n`).join('')}`

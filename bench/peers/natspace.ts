import { ask, timed } from '../lib/process.ts'
import type { Contender } from './contender.ts'
import { missingCommand, versionOf } from './contender.ts'

/** The options that make the space of the reference experiment, with its published port. */
export const articleSpace = [
  ...['--gateway', '192.168.45.2/24', '--address', '192.168.45.3'],
  ...['--host-interface', 'veth1', '--interface', 'veth2', '--uplink', 'eth0', '-p', '8080:80'],
] as const

/** The compiled command, and what else of it is timed. Every call is a new process. */
export const natspace = (program: string) =>
  ({
    name: 'natspace',
    what: 'natspace up',
    missing: () => missingCommand(program),
    up: () => timed({ run: [program, 'up', 'myspace', ...articleSpace] }).milliseconds,
    down: () => void ask(program, 'down', 'myspace'),
    versions: () => versionOf(program),
    timedDown: () => timed({ run: [program, 'down', 'myspace'] }).milliseconds,
    version: () => timed({ run: [program, '--version'] }).milliseconds,
    status: () => timed({ run: [program, 'status', 'myspace'] }).milliseconds,
    execTrue: () => timed({ run: [program, 'exec', 'myspace', 'true'] }).milliseconds,
  }) satisfies Contender & Record<string, unknown>

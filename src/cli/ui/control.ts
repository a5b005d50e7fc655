import { readFileSync } from 'node:fs'
import { isTerminal } from '../../linux/sys/files.ts'
import type { Control } from '../../server/front/front.ts'

/**
 * How a person or a service manager speaks to a running `natspace ui`: Ctrl-C and SIGTERM end it, Enter and SIGUSR1 ask
 * for a new link.
 */
export const takeControl = (): Control => {
  const givers: (() => void)[] = []
  const give = () => {
    for (const giver of givers) giver()
  }
  process.on('SIGUSR1', give)
  if (isTerminal(0)) listenToEnter(give)
  const ended = new Promise<number>(resolve => {
    process.on('SIGINT', () => resolve(130))
    process.on('SIGTERM', () => resolve(0))
    process.on('SIGHUP', () => resolve(129))
  })
  return { ended, onNewLink: giver => givers.push(giver) }
}

/** Milliseconds between two looks whose turn at the terminal it is. */
const turn = 1000

/**
 * Calls `give` for each line that is typed. The terminal stops a job in the background that reads from it (SIGTTIN), so it
 * is read only in the foreground. `bg` tells of the change by SIGCONT; `fg` of a job that runs tells nothing.
 */
const listenToEnter = (give: () => void): void => {
  const { stdin } = process
  const listen = () => {
    if (isForeground(readFileSync('/proc/self/stat', 'latin1'))) stdin.resume()
    else stdin.pause()
  }
  // Without setRawMode the terminal hands over whole lines: each Enter is one.
  stdin.on('data', give)
  // The terminal has gone: SIGHUP tells, and is what ends it.
  stdin.on('error', () => undefined)
  listen()
  process.on('SIGCONT', listen)
  setInterval(listen, turn).unref()
}

/** Whether the process group is the one that has the terminal: pgrp and tpgid of proc_pid_stat(5). */
export const isForeground = (stat: string): boolean => {
  // The name before may have spaces in it.
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return group === foreground
}

import { readSmallFile } from './files.ts'
import { libc } from './libc.ts'

/** asm-generic/ioctls.h */
const TIOCGWINSZ = 0x5413
const POLLOUT = 4

/** Columns of a terminal, by struct winsize; undefined where it does not say. Equivalent to: `tput cols` */
export const terminalWidth = (descriptor: number): number | undefined => {
  const size = new Uint16Array(4)
  const address = libc().address(new Uint8Array(size.buffer))
  if (libc().ioctl(descriptor, TIOCGWINSZ, Number(address)) !== 0) return undefined
  return size[1] === 0 ? undefined : size[1]
}

/** Whether what is written there is taken at once: a terminal that is halted (Ctrl-S) would keep the writer waiting. */
export const isWritableNow = (descriptor: number): boolean => {
  // struct pollfd: int fd; short events; short revents.
  const words = new Int32Array([descriptor, POLLOUT])
  libc().poll(new Uint8Array(words.buffer), 1, 0)
  return (((words[1] as number) >> 16) & POLLOUT) !== 0
}

/**
 * Whether this process is the one that its terminal belongs to: one in the background would write into what another shows.
 * True where it has no terminal of its own. From /proc/self/stat: `pgrp` and `tpgid` of proc_pid_stat(5).
 */
export const isInForeground = (stat: string = readSmallFile('/proc/self/stat')): boolean => {
  // The name, in brackets, may have blanks in it.
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return foreground === '-1' || foreground === group
}

import { isTerminal } from '../../linux/sys/files.ts'
import type { Control } from '../../server/front/front.ts'

/**
 * How a person or a service manager speaks to a running `natspace ui`: Ctrl-C and SIGTERM end it, Enter and SIGUSR1 ask for a
 * new link.
 */
export const takeControl = (): Control => {
  const givers: (() => void)[] = []
  const give = () => {
    for (const giver of givers) giver()
  }
  process.on('SIGUSR1', give)
  if (isTerminal(0)) {
    // Without setRawMode the terminal hands over whole lines: each Enter is one.
    process.stdin.on('data', give)
    process.stdin.unref()
  }
  const ended = new Promise<number>(resolve => {
    process.on('SIGINT', () => resolve(130))
    process.on('SIGTERM', () => resolve(0))
    process.on('SIGHUP', () => resolve(129))
  })
  return { ended, onNewLink: giver => givers.push(giver) }
}

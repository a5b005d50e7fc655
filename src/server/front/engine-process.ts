import { type ChildProcess, spawn } from 'node:child_process'
import { currentOrigin, newNamespaces, originArgument, ownCommand } from '../../lab/start.ts'
import { EngineClient } from './engine-client.ts'

/** What the engine is: the host that it runs on, or the lab that is made for it. */
export type Mode = 'host' | 'lab'

/** A running engine. */
export type EngineProcess = {
  client: EngineClient
  pid: number
  /** Resolves when the process has ended: how. */
  ended: Promise<string>
  /** Asks it to end, which it does when its input ends. Resolves when it has, or after `patience` milliseconds. */
  end(patience: number): Promise<void>
}

/**
 * Starts the engine as a child with this process's rights, the lab's in namespaces of its own. It is in a session of its own: Ctrl-C in
 * the terminal reaches the front alone, which then closes the pipe, and the engine tidies up. Throws NatspaceError
 * where the lab is refused.
 */
export const startEngine = (mode: Mode, allowChanges: boolean): EngineProcess => {
  const [program, ...words] = engineCommand(mode, allowChanges)
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  return engineOf(child)
}

const engineCommand = (mode: Mode, allowChanges: boolean): [string, ...string[]] => {
  const own = ownCommand(process.execPath, process.argv[1])
  const changes = allowChanges ? ['--allow-changes'] : []
  if (mode === 'host') return [...own, 'ui', '--engine', 'host', ...changes] as [string, ...string[]]
  const { unshare, flags } = newNamespaces()
  return [unshare, ...flags, '--', ...own, 'ui', '--engine', 'lab', originArgument(currentOrigin())]
}

/** Wraps a process whose stdin and stdout are the pipe. */
export const engineOf = (child: ChildProcess): EngineProcess => {
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new TypeError('the engine has no pipe')
  const client = new EngineClient(stdout, stdin)
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('exit', (status, signal) =>
      resolve(signal === null ? `exit status ${status}` : `ended by ${signal}`),
    )
  })
  return {
    client,
    pid: child.pid ?? 0,
    ended,
    async end(patience) {
      client.close()
      let timer: ReturnType<typeof setTimeout> | undefined
      const tooLong = new Promise<void>(resolve => {
        timer = setTimeout(resolve, patience)
      })
      await Promise.race([ended, tooLong])
      clearTimeout(timer)
    },
  }
}

import { longestConfiguration } from '../cni/configuration.ts'
import { CniError, cniCode } from '../cni/error.ts'
import { runPlugin } from '../cni/plugin.ts'
import { readParts } from '../linux/sys/files.ts'
import { NatspaceError } from '../space/errors.ts'
import { openContext } from './context.ts'
import { lockOptions } from './environment.ts'
import { endOnSignals } from './interrupt.ts'
import { processSink, ReaderGone } from './output.ts'
import { did } from './timeline/stages.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The executable as a plugin of a container runtime (CNI): one request, one JSON object. Returns the exit status. */
export const runAsPlugin = async (environment: Environment): Promise<number> => {
  did('code loaded')
  endOnSignals()
  const { text, status } = await runPlugin({
    environment,
    read: () => {
      const text = readInput()
      did('arguments')
      return text
    },
    open: () => {
      const options = lockOptions(environment)
      const { kernel, paths } = openContext(environment)
      return { kernel, paths, ...options, [Symbol.dispose]: () => kernel[Symbol.dispose]() }
    },
    warn: line => {
      try {
        processSink.err(`${line}\n`)
      } catch (error) {
        // Nobody listens, and what was asked for is done.
        if (!(error instanceof ReaderGone)) throw error
      }
    },
    explain: async error => {
      const { failureOf } = await import('./failure.ts')
      return error instanceof NatspaceError ? error : new NatspaceError(failureOf(error))
    },
  })
  try {
    if (text !== '') processSink.out(text)
  } catch (error) {
    // Whoever asked is gone; what was done is done, and DEL or GC find it.
    if (!(error instanceof ReaderGone)) throw error
  }
  return status
}

/** All of standard input, up to one character more than a configuration may have. Throws CniError 5. */
const readInput = (): string => {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (const part of readParts(0)) {
      text += decoder.decode(part, { stream: true })
      if (text.length > longestConfiguration) break
    }
  } catch (error) {
    throw new CniError(
      cniCode.io,
      'cannot read standard input',
      error instanceof Error ? error.message : String(error),
    )
  }
  return text
}

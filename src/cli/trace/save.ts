import { TraceFileWriteError, TraceFileWriter } from '../../insight/trace/saved.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import { usageError } from '../options.ts'

/**
 * The file of --save, which gets its name at `finish`; undefined without the option. Throws NatspaceError CANNOT_SAVE_TRACE,
 * and CONFLICTING_OPTIONS for `-`, as stdout is for what is told.
 */
export const openTraceFile = (kernel: Kernel, path: string | undefined): TraceFileWriter | undefined => {
  if (path === undefined) return undefined
  if (path === '-')
    throw usageError(
      'CONFLICTING_OPTIONS',
      'Cannot use --save -',
      'stdout is for what is told of the flows',
      ['name a file: --save FILE'],
    )
  const release = kernel.sysctl(undefined, 'kernel.osrelease') ?? 'unknown'
  return saving(() => TraceFileWriter.open(path, release))
}

/** Does something with the file of --save. Throws NatspaceError CANNOT_SAVE_TRACE (exit 1). */
export const saving = <T>(act: () => T): T => {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof TraceFileWriteError)) throw error
    throw new NatspaceError({
      code: 'CANNOT_SAVE_TRACE',
      exit: 1,
      what: `cannot save the trace to ${quote(error.path)}`,
      why: error.reason,
      fix: ['name a file in a folder of your own'],
      cause: error,
    })
  }
}

import { SystemError } from '../../linux/sys/errno.ts'
import { replaceProcess } from '../../linux/sys/process.ts'

/**
 * Replaces this process by a program. Returns only by throwing SystemError. `kept`: descriptors that are handed on beside the
 * standard three. Equivalent to: `exec PROGRAM ARGS`
 */
export const becomeProgram = (
  path: string,
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  kept: readonly number[] = [],
): never => {
  try {
    return replaceProcess(path, command, environment, kept)
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'ENOEXEC') throw error
    // A script without a first line that names its interpreter is one for sh, as execvp(3) has it.
    return replaceProcess('/bin/sh', ['/bin/sh', path, ...command.slice(1)], environment, kept)
  }
}

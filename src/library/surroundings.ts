import type { Kernel } from '../linux/kernel.ts'
import { LinuxKernel } from '../linux/linux.ts'
import { NatspaceError } from '../space/errors.ts'
import { kernelFailure } from '../space/kernel-failure.ts'
import { requireCapabilities } from '../space/privilege.ts'
import type { Context } from '../space/reconcile/types.ts'
import { type Progress, stopped, undone } from '../space/reconcile/work.ts'
import { checkedPaths, checkedTime } from './arguments.ts'

/** What a call works on. */
export type Surroundings = {
  /** The state folder. Default: NATSPACE_STATE, or /run/natspace, as for the command: both see the same spaces. */
  state?: string
  /** Milliseconds to wait for another natspace that is at work. Default: as the command. */
  lockPatience?: number
  /** Another kernel, such as the one in memory (natspace/testing). Default: the real one, opened for the call. */
  kernel?: Kernel
  /**
   * Told up to five times a second how far a call has come that takes long (`up`, `upAll`, `down`, `gc`, `status`), and never of
   * one that takes less than half a second; meanwhile this process has its turn for other things. What it throws stops
   * the call, which throws NatspaceError STOPPED with that as its cause: `up` has then taken back all it had begun, `down`
   * and `gc` go on to their end once they have begun.
   */
  onProgress?: (progress: Progress) => void
}

/** Tells a program how far its call is. What the program throws is kept, as not all that has begun can be stopped. */
const reporter = (onProgress: (progress: Progress) => void) => {
  let thrown: { cause: unknown } | undefined
  const look = async (progress: Progress) => {
    try {
      if (thrown === undefined) onProgress(progress)
    } catch (cause) {
      thrown = { cause }
    }
    await giveTurn()
    return thrown && stopped(byProgram, undone, thrown)
  }
  /** At the end of a call that went on to its end all the same. */
  const check = () => {
    if (thrown !== undefined) throw stopped(byProgram, 'it went on to its end all the same', thrown)
  }
  return { look, check }
}

const byProgram = 'stopped by what onProgress threw'

const giveTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Runs a call that only looks, with its kernel, which is closed afterwards where the call has opened it. */
export const withContext = async <T>(
  surroundings: Surroundings,
  section: (context: Context) => T | Promise<T>,
): Promise<T> => {
  const { state, kernel, onProgress } = surroundings
  const onlooker = onProgress && reporter(onProgress)
  const context = { paths: checkedPaths(state), ...(onlooker && { onlooker }) }
  const run = async (kernel: Kernel): Promise<T> => {
    const result = await section({ ...context, kernel })
    onlooker?.check()
    return result
  }
  if (kernel !== undefined) return run(kernel)
  try {
    using own = new LinuxKernel()
    return await run(own)
  } catch (error) {
    throw refusalOf(error)
  }
}

/** As withContext, for a call that changes something, or needs the privilege for that: without it, nothing is begun. */
export const withPrivilege = async <T>(
  what: string,
  surroundings: Surroundings,
  section: (context: Context) => T | Promise<T>,
): Promise<T> => {
  checkedTime('lockPatience', surroundings.lockPatience)
  if (surroundings.kernel === undefined) requireCapabilities(what, [], libraryFix)
  return await withContext(surroundings, section)
}

/** As withPrivilege, for a stream: its kernel is closed when the loop over it is left. */
export async function* streamWithPrivilege<T>(
  what: string,
  { state, kernel }: Surroundings,
  section: (context: Context) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const paths = checkedPaths(state)
  if (kernel !== undefined) return yield* section({ kernel, paths })
  requireCapabilities(what, [], libraryFix)
  try {
    using own = new LinuxKernel()
    yield* section({ kernel: own, paths })
  } catch (error) {
    throw refusalOf(error)
  }
}

/** What to do where privilege is missing. */
export const libraryFix = [
  'run the program as root',
  'or in a network of its own, without root: runInSandbox of natspace/testing',
]

/** What the kernel or the file system refused as a NatspaceError, with the error itself as its cause; others as they are. */
export const refusalOf = (error: unknown): unknown => {
  const facts = kernelFailure(error)
  if (facts === undefined) return error
  return new NatspaceError({ ...facts, ...(facts.exit === 4 ? { fix: libraryFix } : {}), cause: error })
}

/** The options of the engine's calls that change something. */
export const lockOptions = ({ lockPatience }: Surroundings): { lockPatience?: number } =>
  lockPatience === undefined ? {} : { lockPatience }

import type { Kernel } from '../linux/kernel.ts'
import { LinuxKernel } from '../linux/linux.ts'
import type { Context } from '../space/reconcile/types.ts'
import { statePaths } from '../space/state/records.ts'

/** What a call works on. */
export type Surroundings = {
  /** The state folder. Default: NATSPACE_STATE, or /run/natspace, as for the command: both see the same spaces. */
  state?: string
  /** Milliseconds to wait for another natspace that is at work. Default: as the command. */
  lockPatience?: number
  /** Another kernel, such as the one in memory (natspace/testing). Default: the real one, opened for the call. */
  kernel?: Kernel
}

/** Runs a call with its kernel, which is closed afterwards where the call has opened it. */
export const withContext = async <T>(
  { state, kernel }: Surroundings,
  section: (context: Context) => T | Promise<T>,
): Promise<T> => {
  const paths = statePaths(state ?? process.env.NATSPACE_STATE)
  if (kernel !== undefined) return section({ kernel, paths })
  using own = new LinuxKernel()
  return await section({ kernel: own, paths })
}

/** The options of the engine's calls that change something. */
export const lockOptions = ({ lockPatience }: Surroundings): { lockPatience?: number } =>
  lockPatience === undefined ? {} : { lockPatience }

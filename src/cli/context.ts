import type { Kernel } from '../linux/kernel.ts'
import { LinuxKernel } from '../linux/linux.ts'
import type { Context } from '../space/reconcile/types.ts'
import { statePathsOf } from './environment.ts'
import { watchedKernel } from './timeline/stages.ts'

/** The real kernel and the state folder. Whoever calls disposes of the kernel. */
export const openContext = (
  environment: Readonly<Record<string, string | undefined>>,
): Context & { kernel: Kernel } => ({
  kernel: watchedKernel(new LinuxKernel()),
  paths: statePathsOf(environment),
})

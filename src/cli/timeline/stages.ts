import type { Kernel } from '../../linux/kernel.ts'

/** Whoever wants to know where the time of a command goes. */
export type StageWatcher = {
  /** All that was done since the last call was this. */
  did(stage: string): void
  /** A kernel whose calls are stages of their own. */
  watched(kernel: Kernel): Kernel
  /** The command ends here, or becomes another program. */
  end(): void
}

let watcher: StageWatcher | undefined

/** Nobody watches unless NATSPACE_TIMELINE asks for it (timeline.ts), and then this costs nothing. */
export const watchStages = (who: StageWatcher): void => {
  watcher = who
}

/** Says what was done since the last stage ended. */
export const did = (stage: string): void => watcher?.did(stage)

/** The kernel, watched where somebody watches. */
export const watchedKernel = (kernel: Kernel): Kernel => watcher?.watched(kernel) ?? kernel

/** To be called before the process ends or becomes another program. */
export const endOfStages = (): void => watcher?.end()

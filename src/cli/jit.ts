/** The part of Bun that is used here; absent when the sources run elsewhere. */
declare const Bun: { unsafe: { setJITPolicy?(scale: number): void } } | undefined

/**
 * Lets the runtime compile hot functions as early as it usually does. The executable starts with a policy that hardly
 * compiles anything, as a short run ends before that pays; a command that handles many spaces, or stays, calls this.
 */
export const expectLongRun = (): void => {
  if (typeof Bun !== 'undefined') Bun.unsafe.setJITPolicy?.(1)
}

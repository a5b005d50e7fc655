/** The part of Bun that is used here; absent when the sources run elsewhere. */
declare const Bun: { unsafe: { setJITPolicy?(scale: number): void } } | undefined

/** Spaces from which on a run lasts long enough for compiled functions to pay. */
const manySpaces = 20

/**
 * Lets the runtime compile hot functions as early as it usually does. The executable starts with a policy that hardly
 * compiles anything, as a short run ends before that pays; a command that handles many spaces calls this.
 */
export const expectWorkOn = (spaces: number): void => {
  if (spaces >= manySpaces && typeof Bun !== 'undefined') Bun.unsafe.setJITPolicy?.(1)
}

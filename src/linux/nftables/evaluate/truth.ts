/** Kleene's three values: what is not known may be either. */
export type Truth = boolean | 'unknown'

/** Not. */
export const negate = (truth: Truth): Truth => (truth === 'unknown' ? 'unknown' : !truth)

/** True if all are; false as soon as one is. */
export const all = (truths: readonly Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes('unknown') ? 'unknown' : true

/** True as soon as one is; false if all are. */
export const any = (truths: readonly Truth[]): Truth => negate(all(truths.map(negate)))

/** `truth`, or its opposite where a rule inverts a match. */
export const inverted = (truth: Truth, invert: boolean): Truth => (invert ? negate(truth) : truth)

/** Whether two values that may be unknown are equal. */
export const same = <T>(one: T | undefined, other: T): Truth =>
  one === undefined ? 'unknown' : one === other

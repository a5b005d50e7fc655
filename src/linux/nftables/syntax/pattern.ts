import type { Scalar } from '../datatypes/datatype.ts'

/** What a match compares with. */
export type Pattern =
  | { kind: 'value'; value: Scalar }
  /** Any of these flags is set. */
  | { kind: 'flags'; flags: Scalar[] }
  | { kind: 'prefix'; value: Scalar; length: number }
  | { kind: 'range'; first: Scalar; last: Scalar }
  /** Names that begin so: `"veth*"`. */
  | { kind: 'wildcard'; beginning: string }
  /** A set by its name; the kernel gives names to sets that were written in place, too. */
  /**
   * `shift`: a field that does not fill its bytes is looked up in place, so many bits up. `interval`: a set of
   * intervals, whose numbers are in network byte order.
   */
  | { kind: 'set'; set: string; shift?: number; interval?: true }

/** `FIRST-LAST`, both included. */
export const range = (first: Scalar, last: Scalar): Pattern => ({ kind: 'range', first, last })

/** `"BEGINNING*"` */
export const wildcard = (beginning: string): Pattern => ({ kind: 'wildcard', beginning })

/**
 * A set, for `match`: `LEFT @NAME`. A name alone will do, but for sets of intervals of what the CPU keeps in its own
 * byte order (marks, indexes): these have to be given themselves.
 */
export const inSet = (set: string | { name: string; flags?: { interval?: boolean } }): SetPattern => ({
  kind: 'set',
  set: typeof set === 'string' ? set : set.name,
  negated: false,
  ...(typeof set !== 'string' && set.flags?.interval ? { interval: true } : {}),
})

/** `LEFT != @NAME` */
export const notInSet = (set: Parameters<typeof inSet>[0]): SetPattern => ({ ...inSet(set), negated: true })

export type SetPattern = { kind: 'set'; set: string; negated: boolean; interval?: true }

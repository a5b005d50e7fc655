import type { Operator } from './expression.ts'

/**
 * Theory of operation. What a filter asks is brought down to a small language of loads and comparisons of unsigned
 * numbers of 32 bits, from which come both the predicate (predicate.ts) and the program for the kernel (compile.ts). Both
 * look at conditions from the left and only as far as needed, and both follow the rule of the kernel's filters that
 * a packet is refused as a whole as soon as a byte is asked for that it does not have, also behind a `not`.
 */

/** A number. `frame` counts from the start of the packet; `payload` from the end of the IPv4 header. */
export type Value =
  | { type: 'constant'; value: number }
  | { type: 'length' }
  | { type: 'load'; from: 'frame' | 'payload'; base: number; at: Value; size: 1 | 2 | 4 }
  | { type: 'operation'; operator: Operator; left: Value; right: Value }

/** `any-bit` is true where `left & right` is not 0. */
export type Test = '=' | '>' | '>=' | 'any-bit'

export type Condition =
  | { type: 'and' | 'or'; left: Condition; right: Condition }
  | { type: 'not'; of: Condition }
  | { type: 'compare'; test: Test; left: Value; right: Value }
  | { type: 'always'; value: boolean }

export const constant = (value: number): Value => ({ type: 'constant', value: value >>> 0 })

/** So many bytes at a fixed offset of the frame. */
export const frame = (at: number, size: 1 | 2 | 4): Value => ({
  type: 'load',
  from: 'frame',
  base: at,
  at: constant(0),
  size,
})

/** So many bytes at a fixed offset behind the IPv4 header. */
export const payload = (at: number, size: 1 | 2 | 4): Value => ({
  type: 'load',
  from: 'payload',
  base: at,
  at: constant(0),
  size,
})

export const compare = (left: Value, test: Test, right: number): Condition => ({
  type: 'compare',
  test,
  left,
  right: constant(right),
})
export const equals = (left: Value, right: number): Condition => compare(left, '=', right)
export const not = (of: Condition): Condition => ({ type: 'not', of })

/** All of the conditions, from the left. */
export const all = (...conditions: readonly Condition[]): Condition =>
  conditions.reduce((left, right) => ({ type: 'and', left, right }))

/** One of the conditions, from the left. */
export const some = (...conditions: readonly Condition[]): Condition =>
  conditions.reduce((left, right) => ({ type: 'or', left, right }))

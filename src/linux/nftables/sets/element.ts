import type { Scalar } from '../datatypes/datatype.ts'
import type { StatefulInstruction } from '../expressions/stateful.ts'

/** One field of an element's key: a value, an interval of values (both ends included), or all names that begin so. */
export type KeyField = Scalar | { first: Scalar; last: Scalar } | { beginning: string }

/** What a verdict map holds. */
export type VerdictValue = {
  verdict: 'accept' | 'drop' | 'continue' | 'break' | 'return' | 'jump' | 'goto' | 'queue'
  chain?: string
}

/**
 * One element of a set or map. `key` has one entry per field; an address field may be a prefix (`'10.0.0.0/8'`).
 * Reading gives the canonical form: intervals that are a prefix as such, others as `{ first, last }`.
 */
export type SetElement = {
  /** Empty: the element `*`, which stands for every key that no other element has. */
  key: KeyField[]
  data?: KeyField[] | VerdictValue
  /** Name of the object that an object map holds. */
  object?: string
  /** Milliseconds. */
  timeout?: number
  /** Milliseconds that are left; only read. */
  expires?: number
  comment?: string
  /** Counters and the like that the element carries. */
  stateful?: StatefulInstruction[]
}

import { EncodeError } from '../../netlink/codec.ts'
import { registersFor } from '../compile/program.ts'
import type { SetState } from '../read/model.ts'
import type { KeyField, SetElement } from '../sets/element.ts'
import { fieldBounds, joinFields } from '../sets/encode-elements.ts'
import type { Field } from '../sets/named-set.ts'
import { stateDataFields, stateKeyFields } from '../sets/set-fields.ts'
import { type Bits, compare, isKnown, knownBits, slice, unknownBits, within } from './bits.ts'
import { all, type Truth } from './truth.ts'

/**
 * Theory of operation. A set was read as values for people; rules look bytes up. So each set is turned back into bytes
 * once, and kept beside it: exact keys in a hash table, as a set may have ten thousand elements, and intervals as first
 * and last value of every field. A key of which some bits are unknown may fit several elements.
 */

/** What a set says about a key. Of all elements in `maybe`, and none of them, one thing is true. */
export type Found = { sure: SetElement | undefined; maybe: SetElement[]; certainlyIn: boolean }

type Interval = { element: SetElement; bounds: readonly (readonly [Uint8Array, Uint8Array])[] }
type Exact = { element: SetElement; key: Uint8Array }

type Index = {
  exact: Map<string, Exact>
  intervals: Interval[]
  /** Elements whose key cannot be turned back. */
  unreadable: SetElement[]
  catchAll: SetElement | undefined
  fields: readonly { at: number; bytes: number }[]
}

const indexes = new WeakMap<SetState, Index>()

/** Looks a key up. */
export const find = (set: SetState, key: Bits): Found => {
  const index = indexOf(set)
  const maybe: SetElement[] = [...index.unreadable]
  const exact = isKnown(key) ? index.exact.get(textOf(key.value)) : undefined
  if (exact !== undefined) return { sure: exact.element, maybe: [], certainlyIn: true }
  if (!isKnown(key))
    for (const { element, key: bytes } of index.exact.values())
      if (compare(key, '==', bytes) !== false) maybe.push(element)
  for (const { element, bounds } of index.intervals) {
    const inside = liesIn(key, bounds, index.fields)
    if (inside === true) return { sure: element, maybe: [], certainlyIn: true }
    if (inside === 'unknown') maybe.push(element)
  }
  const { catchAll } = index
  if (catchAll === undefined) return { sure: undefined, maybe, certainlyIn: false }
  return maybe.length === 0
    ? { sure: catchAll, maybe, certainlyIn: true }
    : { sure: undefined, maybe: [...maybe, catchAll], certainlyIn: true }
}

/** The bytes that a map gives for an element; of what cannot be turned back nothing is known. */
export const mappedBits = (set: SetState, element: SetElement): Bits => {
  const length = set.dataBytes ?? 0
  const { data } = element
  if (!Array.isArray(data)) return unknownBits(length)
  if (set.dataInterval) return intervalBits(set, data, length)
  const values = data.filter(value => typeof value !== 'object')
  if (values.length !== data.length) return unknownBits(length)
  const joined = readable(() => joinFields(stateDataFields(set), values))
  return joined === undefined ? unknownBits(length) : knownBits(joined)
}

/** A map of intervals gives the first and the last value, in registers that follow each other. */
const intervalBits = (set: SetState, data: readonly KeyField[], length: number): Bits => {
  const [field, ...moreFields] = stateDataFields(set)
  const [value, ...moreValues] = data
  if (field === undefined || value === undefined || moreFields.length + moreValues.length > 0)
    return unknownBits(length)
  const bounds = readable(() => fieldBounds(field, value))
  if (bounds === undefined || bounds[0].length * 2 !== length) return unknownBits(length)
  const joined = new Uint8Array(length)
  joined.set(bounds[0])
  joined.set(bounds[1], length / 2)
  return knownBits(joined)
}

const liesIn = (key: Bits, bounds: Interval['bounds'], fields: Index['fields']): Truth =>
  all(
    bounds.map(([first, last], i) => {
      const { at, bytes } = fields[i] ?? { at: 0, bytes: first.length }
      return within(slice(key, at, bytes), first, last)
    }),
  )

const indexOf = (set: SetState): Index => {
  const kept = indexes.get(set)
  if (kept !== undefined) return kept
  const made = makeIndex(set)
  indexes.set(set, made)
  return made
}

const makeIndex = (set: SetState): Index => {
  const fields = stateKeyFields(set)
  const index: Index = {
    exact: new Map(),
    intervals: [],
    unreadable: [],
    catchAll: undefined,
    fields: placesOf(fields),
  }
  // A concatenation of intervals whose fields are not known was read as one number, which it is not.
  const split = fields.length === (set.fieldBytes?.length ?? fields.length)
  for (const element of set.elements) {
    if (element.key.length === 0) index.catchAll = element
    else if (!split) index.unreadable.push(element)
    else if (set.flags?.interval) addInterval(index, fields, element)
    else addExact(index, fields, element)
  }
  return index
}

const addInterval = (index: Index, fields: readonly Field[], element: SetElement): void => {
  const bounds = readable(() => fields.map((field, i) => fieldBounds(field, element.key[i] as KeyField)))
  if (bounds === undefined) index.unreadable.push(element)
  else if (bounds.every(([first, last]) => compare(knownBits(first), '==', last) === true))
    index.exact.set(textOf(paddedKey(bounds.map(([first]) => first))), {
      element,
      key: paddedKey(bounds.map(([first]) => first)),
    })
  else index.intervals.push({ element, bounds })
}

const addExact = (index: Index, fields: readonly Field[], element: SetElement): void => {
  const values = element.key.filter(value => typeof value !== 'object')
  const key = values.length === element.key.length ? readable(() => joinFields(fields, values)) : undefined
  if (key === undefined) index.unreadable.push(element)
  else index.exact.set(textOf(key), { element, key })
}

/** Fields one behind the other, each filled up to whole registers where there are several. */
const paddedKey = (parts: readonly Uint8Array[]): Uint8Array => {
  const [only, ...more] = parts
  if (only !== undefined && more.length === 0) return only
  const places = placesOf(parts.map(part => ({ bytes: part.length })))
  const last = places.at(-1)
  const key = new Uint8Array(last === undefined ? 0 : last.at + 4 * registersFor(last.bytes))
  for (const [i, part] of parts.entries()) key.set(part, places[i]?.at)
  return key
}

const placesOf = (fields: readonly { bytes: number }[]): { at: number; bytes: number }[] => {
  let next = 0
  return fields.map(({ bytes }) => {
    const at = next
    next += 4 * registersFor(bytes)
    return { at, bytes }
  })
}

/** Undefined for a value that has no bytes: a foreign datatype. */
const readable = <T>(make: () => T): T | undefined => {
  try {
    return make()
  } catch (error) {
    if (error instanceof EncodeError) return undefined
    throw error
  }
}

const textOf = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

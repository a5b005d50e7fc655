import { EncodeError } from '../../netlink/codec.ts'
import { bytesInteger, type Datatype, type Scalar } from '../datatypes/datatype.ts'
import { prefixTypes } from '../datatypes/index.ts'
import { durationText } from '../datatypes/times.ts'
import { nameText, quoteText } from '../quote.ts'
import type { SetState } from '../read/model.ts'
import { prefixLength } from '../sets/decode-elements.ts'
import type { KeyField, SetElement, VerdictValue } from '../sets/element.ts'
import { integerBounds } from '../sets/encode-elements.ts'
import type { Field } from '../sets/named-set.ts'
import { stateDataFields, stateKeyFields } from '../sets/set-fields.ts'
import type { TextContext } from './context.ts'
import { statefulText } from './stateful-text.ts'
import { rangeText, valueText } from './value-text.ts'

/** The elements of a set as nft prints them, in nft's order. */
export const elementsText = (context: TextContext, set: SetState): string[] => {
  const key = stateKeyFields(set)
  const data = stateDataFields(set)
  return sortedElements(set, key).map(element => oneElement(context, set, element, key, data))
}

/** One element of a set as nft prints it: `tcp . 8080 : 192.168.45.3 . 80`. */
export const elementText = (context: TextContext, set: SetState, element: SetElement): string =>
  oneElement(context, set, element, stateKeyFields(set), stateDataFields(set))

const oneElement = (
  context: TextContext,
  set: SetState,
  element: SetElement,
  key: readonly Field[],
  data: readonly Field[],
): string => {
  const parts = [element.key.length === 0 ? '*' : keyText(context, key, element.key)]
  if (element.timeout !== undefined && element.timeout !== set.timeout)
    parts.push(`timeout ${durationText(BigInt(element.timeout))}`)
  if (element.expires !== undefined) parts.push(`expires ${durationText(BigInt(element.expires))}`)
  for (const instruction of element.stateful ?? []) parts.push(statefulText(instruction))
  if (element.comment !== undefined) parts.push(`comment ${quoteText(element.comment)}`)
  if (element.data !== undefined) parts.push(`: ${dataText(context, data, element.data)}`)
  if (element.object !== undefined) parts.push(`: ${quoteText(element.object)}`)
  return parts.join(' ')
}

const keyText = (context: TextContext, fields: readonly Field[], values: readonly KeyField[]): string =>
  fields.map((field, i) => fieldText(context, field, values[i] ?? 0)).join(' . ')

/** One field of a key: a value, a range, or the beginning of names. */
export const fieldText = (context: TextContext, { type, bytes }: Field, value: KeyField): string => {
  const text = (scalar: typeof value & (string | number | bigint)) =>
    typeof scalar === 'string' && scalar.includes('/') && type.kind === 'integer'
      ? scalar
      : valueText(context, type, scalar, widthOf(type, bytes))
  if (typeof value !== 'object') return text(value)
  if ('beginning' in value) return quoteText(`${value.beginning}*`)
  const length = prefixTypes.has(type.name)
    ? prefixLength(type.toInteger(value.first), type.toInteger(value.last), bytes * 8)
    : undefined
  if (length !== undefined) return `${text(value.first)}/${length}`
  return rangeText(context, type, value.first, value.last, widthOf(type, bytes))
}

const widthOf = (type: Datatype, bytes: number): number => (type.bits === 0 ? bytes * 8 : type.bits)

const dataText = (
  context: TextContext,
  fields: readonly Field[],
  data: readonly KeyField[] | VerdictValue,
): string => ('verdict' in data ? verdictText(data) : keyText(context, fields, data))

/** A verdict as nft prints it. */
export const verdictText = ({ verdict, chain }: VerdictValue): string =>
  chain === undefined ? verdict : `${verdict} ${nameText(chain)}`

/**
 * nft sorts elements by their keys as numbers: a field by the byte order of its datatype, a concatenation as a whole
 * with its first byte the least. Intervals of concatenations stay in the order they were added.
 */
const sortedElements = (set: SetState, fields: readonly Field[]): SetElement[] => {
  if (set.flags?.interval && fields.length > 1) return set.elements
  const only = fields.length === 1 ? fields[0] : undefined
  const weighed = set.elements.map(element => ({ element, weight: placeOf(set, fields, only, element) }))
  weighed.sort((a, b) => (a.weight < b.weight ? -1 : a.weight > b.weight ? 1 : 0))
  return weighed.map(({ element }) => element)
}

/** As weightOf; keys that were never written by nft, and that their datatypes cannot write, come first. */
const placeOf = (...parameters: Parameters<typeof weightOf>): bigint => {
  try {
    return weightOf(...parameters)
  } catch (error) {
    if (error instanceof EncodeError) return 0n
    throw error
  }
}

const weightOf = (
  set: SetState,
  fields: readonly Field[],
  only: Field | undefined,
  element: SetElement,
): bigint => {
  // The element `*` stands behind all others.
  if (element.key.length === 0) return 1n << BigInt(set.keyBytes * 8 + 1)
  if (set.flags?.interval && only !== undefined) return firstOf(only, element.key[0] ?? 0)
  let weight = 0n
  let shift = 0n
  for (const [i, { type, bytes }] of fields.entries()) {
    const written = type.write(scalarOf(element.key[i]), bytes)
    if (only !== undefined) return bytesInteger(written, type.order)
    weight |= bytesInteger(written.slice().reverse(), 'network') << shift
    shift += BigInt(((bytes + 3) & ~3) * 8)
  }
  return weight
}

/** The first value of an interval, as a number. */
const firstOf = (field: Field, value: KeyField): bigint =>
  typeof value === 'object' && 'first' in value
    ? field.type.toInteger(value.first)
    : integerBounds(field, value).first

const scalarOf = (field: KeyField | undefined): Scalar =>
  field === undefined || typeof field === 'object' ? 0 : field

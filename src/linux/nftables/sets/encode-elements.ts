import { parsePrefix } from '../../net/prefix.ts'
import { EncodeError } from '../../netlink/codec.ts'
import { registersFor } from '../compile/program.ts'
import { bytesInteger, integerBytes, type Scalar } from '../datatypes/datatype.ts'
import type { Data } from '../expressions/data.ts'
import { compiler } from '../late.ts'
import { type ElementAttributes, elementFlags } from '../messages/element.ts'
import { commentType, elementFlagsType, numberEntry, textEntry, writeUserdata } from '../userdata.ts'
import type { KeyField, SetElement, VerdictValue } from './element.ts'
import { dataFields, type Field, keyFields, type NamedSet } from './named-set.ts'

/**
 * Theory of operation. The kernel has three kinds of sets. A hash set holds keys. A set of intervals of one field holds
 * their borders: an element for the first value, and one with INTERVAL_END for the first value behind (none when the
 * interval reaches the last value there is; nft then notes this in the user data). A set of intervals of
 * concatenations holds first and last key together. In sets of intervals all values lie in network byte order, so that
 * they compare as numbers; rules turn what they look up there.
 */

/** The elements of the kernel for elements of a set, as nft makes them. Throws EncodeError. */
export const encodeElements = (set: NamedSet, elements: readonly SetElement[]): ElementAttributes[] => {
  const key = keyFields(set)
  const data = dataFields(set)
  const interval = set.flags?.interval ?? false
  if (interval && key.length === 1 && key[0]) return encodeIntervals(key[0], data, elements)
  return elements.map(element => {
    const common = attributesOf(element, data)
    if (element.key.length === 0) return { flags: elementFlags.catchAll, ...common }
    checkFields(set, element)
    if (!interval) return { ...common, key: { value: joinFields(key, element.key.map(single)) } }
    const bounds = key.map((field, i) => fieldBounds(field, element.key[i] as KeyField))
    return {
      ...common,
      key: {
        value: joinFields(
          key,
          bounds.map(([first]) => first),
        ),
      },
      keyEnd: {
        value: joinFields(
          key,
          bounds.map(([, last]) => last),
        ),
      },
    }
  })
}

const checkFields = (set: NamedSet, element: SetElement): void => {
  if (element.key.length !== set.key.length)
    throw new EncodeError(`An element of ${set.name} has ${set.key.length} fields, not ${element.key.length}`)
}

const encodeIntervals = (
  field: Field,
  data: readonly Field[],
  elements: readonly SetElement[],
): ElementAttributes[] => {
  const limit = 1n << BigInt(field.bytes * 8)
  const catchAll = elements.filter(element => element.key.length === 0)
  const intervals = elements
    .filter(element => element.key.length > 0)
    .map(element => ({ element, ...integerBounds(field, element.key[0] as KeyField) }))
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  return [
    ...catchAll.map(element => ({ flags: elementFlags.catchAll, ...attributesOf(element, data) })),
    ...intervals.flatMap(({ element, first, last }) => {
      const open = last + 1n === limit
      const start = {
        ...attributesOf(element, data, open),
        key: { value: integerBytes(first, field.bytes, 'network') },
      }
      if (open) return [start]
      const end = {
        flags: elementFlags.intervalEnd,
        key: { value: integerBytes(last + 1n, field.bytes, 'network') },
      }
      return [start, end]
    }),
  ]
}

/** First and last value of a field as integers. Throws EncodeError for an empty interval. */
export const integerBounds = (field: Field, value: KeyField): { first: bigint; last: bigint } => {
  const { type } = field
  if (typeof value === 'object' && 'beginning' in value) return beginningBounds(field, value.beginning)
  if (typeof value === 'object') {
    const [first, last] = [type.toInteger(value.first), type.toInteger(value.last)]
    if (first > last) throw new EncodeError(`The interval ${value.first}-${value.last} is empty`)
    return { first, last }
  }
  const prefix = typeof value === 'string' && value.includes('/') ? parsePrefix(value) : undefined
  if (prefix === undefined || !/^ipv[46]_addr$/.test(type.name)) {
    const integer = type.toInteger(value)
    return { first: integer, last: integer }
  }
  const hostMask = (1n << BigInt(type.bits - prefix.length)) - 1n
  const address = type.toInteger(prefix.address)
  return { first: address & ~hostMask, last: address | hostMask }
}

/** All names that begin so: from that text with zeros behind to that text with 255s behind. */
const beginningBounds = (field: Field, beginning: string): { first: bigint; last: bigint } => {
  const used = new TextEncoder().encode(beginning)
  const rest = BigInt((field.bytes - used.length) * 8)
  if (used.length === 0 || used.length > field.bytes || field.type.kind !== 'string')
    throw new EncodeError(`${JSON.stringify(beginning)} is no beginning of a ${field.type.name}`)
  const first = bytesInteger(used, 'network') << rest
  return { first, last: first | ((1n << rest) - 1n) }
}

/** First and last value of a field as bytes in network byte order, which is that of sets of intervals. */
export const fieldBounds = (field: Field, value: KeyField): [Uint8Array, Uint8Array] => {
  if (field.type.kind === 'string' && typeof value !== 'object') {
    const bytes = field.type.write(value, field.bytes)
    return [bytes, bytes]
  }
  const { first, last } = integerBounds(field, value)
  return [integerBytes(first, field.bytes, 'network'), integerBytes(last, field.bytes, 'network')]
}

const single = (value: KeyField): Scalar => {
  if (typeof value === 'object')
    throw new EncodeError(`An interval (${JSON.stringify(value)}) in a set without the flag interval`)
  return value
}

/** Values of fields one behind the other; in a concatenation each is filled up to whole registers. */
export const joinFields = (
  fields: readonly Field[],
  values: readonly (Scalar | Uint8Array)[],
): Uint8Array => {
  const bytesOf = (field: Field, value: Scalar | Uint8Array | undefined): Uint8Array => {
    if (value === undefined) throw new EncodeError(`A field of type ${field.type.name} is missing`)
    return value instanceof Uint8Array ? value : field.type.write(value, field.bytes)
  }
  if (fields.length === 1 && fields[0]) return bytesOf(fields[0], values[0])
  const joined = new Uint8Array(fields.reduce((sum, field) => sum + 4 * registersFor(field.bytes), 0))
  let at = 0
  for (const [i, field] of fields.entries()) {
    joined.set(bytesOf(field, values[i]), at)
    at += 4 * registersFor(field.bytes)
  }
  return joined
}

const attributesOf = (element: SetElement, data: readonly Field[], open = false): ElementAttributes => {
  const userdata = [
    ...(element.comment === undefined ? [] : [textEntry(commentType, element.comment)]),
    ...(open ? [numberEntry(elementFlagsType, 1)] : []),
  ]
  const [stateful, ...more] = element.stateful ?? []
  return {
    ...(element.timeout === undefined ? {} : { timeout: BigInt(element.timeout) }),
    ...(element.expires === undefined ? {} : { expiration: BigInt(element.expires) }),
    ...(element.data === undefined ? {} : { data: dataOf(element.data, data) }),
    ...(userdata.length > 0 ? { userdata: writeUserdata(userdata) } : {}),
    ...(element.object === undefined ? {} : { object: element.object }),
    ...(stateful === undefined
      ? {}
      : more.length === 0
        ? { expression: stateful }
        : { expressions: [stateful, ...more] }),
  }
}

const dataOf = (value: KeyField[] | VerdictValue, fields: readonly Field[]): Data =>
  Array.isArray(value)
    ? { value: joinFields(fields, value.map(single)) }
    : { verdict: compiler().verdictData(value) }

import { registersFor } from '../compile/program.ts'
import { bytesInteger } from '../datatypes/datatype.ts'
import { textOfBytes } from '../datatypes/strings.ts'
import { type Data, type VerdictName, verdictCodes } from '../expressions/data.ts'
import { type ElementAttributes, elementFlags } from '../messages/element.ts'
import type { SetState } from '../read/model.ts'
import { commentOf } from '../userdata.ts'
import type { KeyField, SetElement, VerdictValue } from './element.ts'
import type { Field } from './named-set.ts'
import { stateDataFields, stateKeyFields } from './set-fields.ts'

/** The inverse of encodeElements: elements as people write them, from those the kernel dumps. */
export const decodeElements = (set: SetState, raw: readonly ElementAttributes[]): SetElement[] => {
  const key = stateKeyFields(set)
  const data = stateDataFields(set)
  const only = key.length === 1 ? key[0] : undefined
  const isConcatenation = raw.some(element => element.keyEnd !== undefined)
  if (set.flags?.interval && only && !isConcatenation) return decodeIntervals(only, data, set, raw)
  return raw.map(element => {
    const common = commonOf(element, data, set)
    if (isCatchAll(element)) return { key: [], ...common }
    const first = element.key?.value ?? new Uint8Array()
    const last = element.keyEnd?.value
    return { key: splitFields(key, first, last), ...common }
  })
}

const isCatchAll = (element: ElementAttributes): boolean =>
  ((element.flags ?? 0) & elementFlags.catchAll) !== 0

/** Values of the fields in a key; with the last key of an interval, the intervals. */
export const splitFields = (
  fields: readonly Field[],
  first: Uint8Array,
  last: Uint8Array | undefined,
): KeyField[] => {
  let at = 0
  return fields.map(field => {
    const from = first.subarray(at, at + field.bytes)
    const to = last?.subarray(at, at + field.bytes)
    at += fields.length === 1 ? field.bytes : 4 * registersFor(field.bytes)
    if (to === undefined) return field.type.read(from)
    return intervalField(field, bytesInteger(from, 'network'), bytesInteger(to, 'network'))
  })
}

/** An interval in its canonical form: a value, a prefix, a beginning, or first and last. */
export const intervalField = (field: Field, first: bigint, last: bigint): KeyField => {
  const { type } = field
  const bits = BigInt(field.bytes * 8)
  if (type.kind === 'string') return stringInterval(first, last, field.bytes)
  if (first === last) return type.fromInteger(first, Number(bits))
  const length = prefixLength(first, last, Number(bits))
  if (length !== undefined && /^ipv[46]_addr$/.test(type.name)) return `${type.fromInteger(first)}/${length}`
  return { first: type.fromInteger(first, Number(bits)), last: type.fromInteger(last, Number(bits)) }
}

/** The length of the prefix that is exactly this interval, or undefined. */
export const prefixLength = (first: bigint, last: bigint, bits: number): number | undefined => {
  const size = last - first + 1n
  if (size <= 0n || (size & (size - 1n)) !== 0n || first % size !== 0n) return undefined
  let length = bits
  for (let rest = size; rest > 1n; rest >>= 1n) length--
  return length
}

const integerText = (value: bigint, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let rest = value
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 255n)
    rest >>= 8n
  }
  return bytes
}

/** Texts from `veth` up to the last that begins so are all names that begin with `veth`. */
const stringInterval = (first: bigint, last: bigint, length: number): KeyField => {
  const from = integerText(first, length)
  if (first === last) return textOfBytes(from)
  const prefix = prefixLength(first, last, length * 8)
  if (prefix !== undefined && prefix % 8 === 0)
    return { beginning: textOfBytes(from.subarray(0, prefix / 8)) }
  return { first: textOfBytes(from), last: textOfBytes(integerText(last, length)) }
}

type Border = { value: bigint; end: boolean; element: ElementAttributes }

const decodeIntervals = (
  field: Field,
  data: readonly Field[],
  set: SetState,
  raw: readonly ElementAttributes[],
): SetElement[] => {
  const borders: Border[] = []
  const elements: SetElement[] = []
  for (const element of raw) {
    if (isCatchAll(element)) {
      elements.push({ key: [], ...commonOf(element, data, set) })
      continue
    }
    const bytes = element.key?.value
    if (bytes === undefined) continue
    const end = ((element.flags ?? 0) & elementFlags.intervalEnd) !== 0
    borders.push({ value: bytesInteger(bytes, 'network'), end, element })
  }
  // Where one interval ends and the next begins at the same value, the end comes first.
  borders.sort((a, b) =>
    a.value < b.value ? -1 : a.value > b.value ? 1 : a.end === b.end ? 0 : a.end ? -1 : 1,
  )
  let open: Border | undefined
  const close = (last: bigint) => {
    if (open === undefined) return
    elements.push({ key: [intervalField(field, open.value, last)], ...commonOf(open.element, data, set) })
    open = undefined
  }
  for (const border of borders) {
    close(border.value - 1n)
    if (!border.end) open = border
  }
  close((1n << BigInt(field.bytes * 8)) - 1n)
  return elements
}

const commonOf = (
  element: ElementAttributes,
  data: readonly Field[],
  set: SetState,
): Omit<SetElement, 'key'> => {
  const comment = commentOf(element.userdata)
  const stateful = element.expressions ?? (element.expression && [element.expression])
  return {
    ...(element.data === undefined ? {} : { data: dataOf(element.data, data, set) }),
    ...(element.object === undefined ? {} : { object: element.object }),
    ...(element.timeout === undefined ? {} : { timeout: Number(element.timeout) }),
    ...(element.expiration === undefined ? {} : { expires: Number(element.expiration) }),
    ...(comment === undefined ? {} : { comment }),
    ...(stateful === undefined ? {} : { stateful }),
  }
}

const verdictNames = new Map<number, VerdictName>(
  Object.entries(verdictCodes).map(([name, code]) => [code, name as VerdictName]),
)

/** A verdict by its name; queue verdicts carry a number in their upper half. */
export const verdictOf = (data: NonNullable<Data['verdict']>): VerdictValue | undefined => {
  const verdict = verdictNames.get(data.code ?? 0)
  if (verdict === undefined) return undefined
  return data.chain === undefined ? { verdict } : { verdict, chain: data.chain }
}

const dataOf = (data: Data, fields: readonly Field[], set: SetState): KeyField[] | VerdictValue => {
  if (data.verdict) return verdictOf(data.verdict) ?? { verdict: 'continue' }
  const bytes = data.value ?? new Uint8Array()
  if (!set.dataInterval) return splitFields(fields, bytes, undefined)
  const half = bytes.length / 2
  return splitFields(fields, bytes.subarray(0, half), bytes.subarray(half))
}

import { datatype, rawInteger } from '../datatypes/index.ts'
import type { SetState } from '../read/model.ts'
import { byteLength, type FieldType, operandTypes } from '../syntax/operand-type.ts'
import { dataFields, type Field, fieldsLength, keyFields, type NamedSet } from './named-set.ts'

/** Fields of a set that was read, whose datatypes may be of unknown length or missing. */

/** A set by its form, as if it had been read: for the texts of sets that are not made yet. */
export const asState = (set: NamedSet): SetState => {
  const data = dataFields(set)
  return {
    ...set,
    handle: 0n,
    anonymous: false,
    keyBytes: fieldsLength(keyFields(set)),
    ...(data.length > 0 ? { dataBytes: fieldsLength(data) } : {}),
    ...(set.counter ? { stateful: [{ name: 'counter', data: {} }] } : {}),
    elements: [],
  }
}

/** The fields of its key. */
export const stateKeyFields = (set: SetState): Field[] =>
  fieldsOfState(set.key, set.keyTypeof, set.keyBytes, set.fieldBytes)

/** The fields of its values; empty when it is no map, or one of verdicts or objects. */
export const stateDataFields = (set: SetState): Field[] => {
  if (set.data === undefined || set.data[0] === 'verdict' || set.dataBytes === undefined) return []
  const bytes = set.dataInterval ? set.dataBytes / 2 : set.dataBytes
  return fieldsOfState(set.data, set.dataTypeof, bytes, undefined)
}

const fieldsOfState = (
  names: readonly string[],
  operands: SetState['keyTypeof'],
  bytes: number,
  fieldBytes: readonly number[] | undefined,
): Field[] => {
  const types: FieldType[] =
    operands?.flatMap(operandTypes) ??
    names.map(name => ({ type: datatype(name), bits: datatype(name).bits }))
  const [only, ...more] = types
  if (only === undefined) return [{ type: rawInteger, bytes }]
  if (more.length === 0) return [{ type: only.type, bytes }]
  const fields = types.map(({ type, bits }, i) => ({ type, bytes: fieldBytes?.[i] ?? byteLength(bits) }))
  const total = fields.reduce((sum, field) => sum + ((field.bytes + 3) & ~3), 0)
  // Datatypes that do not explain the key's length would cut it in the wrong places.
  return total === bytes && fields.every(field => field.bytes > 0) ? fields : [{ type: rawInteger, bytes }]
}

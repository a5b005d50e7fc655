import { prefixRange } from '../../net/prefix.ts'
import type { Scalar } from '../datatypes/datatype.ts'
import { intervalField } from './decode-elements.ts'
import type { KeyField } from './element.ts'
import { type Field, keyFields, type NamedSet } from './named-set.ts'

/**
 * The key of an element as reading the set from the kernel will give it: in a set of intervals an interval that is one
 * value is that value, one that is a prefix is the prefix. Throws EncodeError for a value that its field cannot have.
 */
export const canonicalKey = (set: NamedSet, key: readonly KeyField[]): KeyField[] => {
  if (!set.flags?.interval) return [...key]
  const fields = keyFields(set)
  return key.map((value, index) => canonicalField(fields[index] as Field, value))
}

const canonicalField = (field: Field, value: KeyField): KeyField => {
  const { type } = field
  if (type.kind === 'string') return value
  if (typeof value === 'object')
    return 'first' in value
      ? intervalField(field, integerOf(field, value.first), integerOf(field, value.last))
      : value
  const prefix = typeof value === 'string' && value.includes('/') ? prefixRange(value) : undefined
  if (prefix !== undefined) return intervalField(field, prefix.first, prefix.last)
  const integer = integerOf(field, value)
  return intervalField(field, integer, integer)
}

const integerOf = ({ type }: Field, value: Scalar): bigint => BigInt(type.toInteger(value))

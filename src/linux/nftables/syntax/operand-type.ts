import type { Datatype } from '../datatypes/datatype.ts'
import { datatype, hostInteger, rawInteger } from '../datatypes/index.ts'
import { extensionsOf } from '../headers/extensions.ts'
import { fieldOf } from '../headers/headers.ts'
import {
  ctTypes,
  fibTypes,
  type KeyType,
  metaTypes,
  rtTypes,
  socketTypes,
  xfrmTypes,
} from '../headers/keys.ts'
import type { Operand } from './operand.ts'

/** The datatype of one field of a key, and its length in bits. */
export type FieldType = { type: Datatype; bits: number }

const keyType = ([name, bits]: KeyType): FieldType[] => [{ type: datatype(name), bits }]

/** Datatype and length of a datatype's name alone: keys and values of sets. */
export const fieldType = (name: string): FieldType => {
  const type = datatype(name)
  return { type, bits: type.bits }
}

/** The datatypes of an operand: one, or one for each part of a concatenation. Throws RangeError on unknown names. */
export const operandTypes = (operand: Operand): FieldType[] => {
  switch (operand.kind) {
    case 'meta':
      return keyType(metaTypes[operand.key])
    case 'payload': {
      const [, bits, name] = fieldOf(operand.header, operand.field)
      return [{ type: datatype(name), bits }]
    }
    case 'rawPayload':
      return [{ type: rawInteger, bits: operand.length }]
    case 'ct':
      return keyType(ctTypes[operand.key])
    case 'fib':
      return operand.present ? [{ type: datatype('boolean'), bits: 1 }] : keyType(fibTypes[operand.result])
    case 'rt':
      return keyType(rtTypes[operand.key])
    case 'extension': {
      if (operand.field === undefined) return [{ type: datatype('boolean'), bits: 1 }]
      const field = extensionsOf(operand.of)[operand.name]?.fields[operand.field]
      if (field === undefined)
        throw new RangeError(`There is no field ${operand.field} in option ${operand.name}`)
      return [{ type: datatype(field[2]), bits: field[1] }]
    }
    case 'rawExtension':
      return [
        operand.present ? { type: datatype('boolean'), bits: 1 } : { type: rawInteger, bits: operand.length },
      ]
    case 'socket':
      return keyType(socketTypes[operand.key])
    case 'osf':
      return keyType(['string', 128])
    case 'ipsec':
      return keyType(xfrmTypes[operand.key])
    case 'numgen':
    case 'hash':
      return [{ type: hostInteger, bits: 32 }]
    case 'concat':
      return operand.parts.flatMap(operandTypes)
    case 'bitwise':
      return operandTypes(operand.operand)
    case 'map':
      return operand.data.map(fieldType)
    case 'value':
      return operand.types.map(fieldType)
  }
}

/** The type of an operand that is no concatenation. Throws RangeError if it is one. */
export const operandType = (operand: Operand): FieldType => {
  const [only, second] = operandTypes(operand)
  if (only === undefined || second !== undefined)
    throw new RangeError('A concatenation can only be looked up in a set')
  return only
}

/** Bytes that a field of so many bits takes in a packet or register. */
export const byteLength = (bits: number): number => Math.ceil(bits / 8)

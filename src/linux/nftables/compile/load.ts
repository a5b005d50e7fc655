import type { Scalar } from '../datatypes/datatype.ts'
import { integerBytes } from '../datatypes/datatype.ts'
import { exthdrPresent } from '../expressions/exthdr.ts'
import { fibFlags } from '../expressions/fib.ts'
import type { Instruction } from '../expressions/index.ts'
import { extensionsOf } from '../headers/extensions.ts'
import { fieldOf, headerOf } from '../headers/headers.ts'
import { ctTypes } from '../headers/keys.ts'
import type { Operand } from '../syntax/operand.ts'
import { byteLength, type FieldType, fieldType, operandType, operandTypes } from '../syntax/operand-type.ts'
import { CompileError, type Program, registerNumber, registersFor } from './program.ts'

/** Which bytes an operand is in, and where in them its bits are when they do not fill the bytes. */
type Place = { offset: number; bytes: number; shift: number; bits: number }

const placeOf = (offset: number, bits: number): Place => {
  const start = Math.floor(offset / 8)
  const end = Math.ceil((offset + bits) / 8)
  return { offset: start, bytes: end - start, shift: end * 8 - offset - bits, bits }
}

const fillsBytes = ({ bytes, bits }: Place): boolean => bytes * 8 === bits

const maskOf = ({ bytes, shift, bits }: Place): Uint8Array =>
  integerBytes(((1n << BigInt(bits)) - 1n) << BigInt(shift), bytes, 'network')

/** The bits of an operand that do not fill its bytes: constants are compared in place. */
export type Bits = { bytes: number; shift: number; mask: Uint8Array }

/**
 * Loads an operand into registers from a 32-bit index on. Returns where its bits are when they do not fill the bytes
 * (`keepBits`: the caller compares them in place); otherwise they are masked and shifted down.
 */
export const load = (
  program: Program,
  operand: Operand,
  index: number,
  keepBits = false,
): Bits | undefined => {
  const dreg = registerNumber(index)
  switch (operand.kind) {
    case 'meta':
      program.emit({ name: 'meta', data: { key: operand.key, dreg } })
      return undefined
    case 'payload': {
      const [offset, bits] = fieldOf(operand.header, operand.field)
      const place = placeOf(offset, bits)
      program.emit(loadPayload(headerOf(operand.header).base, place, dreg))
      return bitsOf(program, place, index, keepBits)
    }
    case 'rawPayload': {
      const place = placeOf(operand.offset, operand.length)
      program.emit(loadPayload(operand.base, place, dreg))
      return bitsOf(program, place, index, keepBits)
    }
    case 'ct': {
      const direction = operand.direction && { direction: operand.direction === 'reply' ? 1 : 0 }
      if (ctTypes[operand.key][1] === 0)
        throw new CompileError(`ct ${operand.key} needs its family: ct ip ${operand.key}`)
      program.emit({ name: 'ct', data: { key: operand.key, dreg, ...direction } })
      return undefined
    }
    case 'fib': {
      const flags = operand.flags.reduce((sum, flag) => sum | fibFlags[flag], 0)
      program.emit({
        name: 'fib',
        data: { dreg, result: operand.result, flags: operand.present ? flags | fibFlags.present : flags },
      })
      return undefined
    }
    case 'rt':
      program.emit({ name: 'rt', data: { key: operand.key, dreg } })
      return undefined
    case 'extension':
      return loadExtension(program, operand, index, keepBits)
    case 'rawExtension': {
      const place = placeOf(operand.offset, operand.length)
      const data = { dreg, type: operand.number, kind: operand.of, offset: place.offset, length: place.bytes }
      program.emit({ name: 'exthdr', data: operand.present ? { ...data, flags: exthdrPresent } : data })
      return operand.present ? undefined : bitsOf(program, place, index, keepBits)
    }
    case 'socket':
      program.emit({
        name: 'socket',
        data: { key: operand.key, dreg, ...(operand.level === undefined ? {} : { level: operand.level }) },
      })
      return undefined
    case 'osf':
      program.emit({ name: 'osf', data: { dreg, ttl: operand.ttl, flags: operand.version ? 1 : 0 } })
      return undefined
    case 'ipsec':
      program.emit({
        name: 'xfrm',
        data: {
          dreg,
          key: operand.key,
          direction: operand.direction === 'out' ? 1 : 0,
          number: operand.number,
        },
      })
      return undefined
    case 'numgen':
      program.emit({
        name: 'numgen',
        data: { dreg, modulus: operand.modulus, type: operand.type, offset: operand.offset },
      })
      return undefined
    case 'hash':
      loadHash(program, operand, index)
      return undefined
    case 'concat': {
      let next = index
      for (const part of operand.parts) {
        load(program, part, next)
        next += registersFor(byteLength(operandType(part).bits))
      }
      return undefined
    }
    case 'bitwise':
      loadBitwise(program, operand, index)
      return undefined
    case 'map':
      load(program, operand.key, index)
      program.emit({ name: 'lookup', data: { set: operand.map, sreg: dreg, dreg } })
      return undefined
    case 'value':
      loadValue(program, operand, index)
      return undefined
  }
}

const loadPayload = (
  base: 'link' | 'network' | 'transport' | 'inner' | 'tunnel',
  place: Place,
  dreg: number,
) =>
  ({
    name: 'payload',
    data: { dreg, base, offset: place.offset, length: place.bytes },
  }) satisfies Instruction

const bitsOf = (program: Program, place: Place, index: number, keepBits: boolean): Bits | undefined => {
  if (fillsBytes(place)) return undefined
  if (keepBits) return { bytes: place.bytes, shift: place.shift, mask: maskOf(place) }
  const register = registerNumber(index)
  emitMask(program, register, maskOf(place))
  if (place.shift > 0)
    program.emit({
      name: 'bitwise',
      data: {
        sreg: register,
        dreg: register,
        length: place.bytes,
        operation: '>>',
        data: { value: integerBytes(BigInt(place.shift), 4, 'host') },
      },
    })
  return undefined
}

/** register = (register & mask) ^ xor */
export const emitMask = (
  program: Program,
  register: number,
  mask: Uint8Array,
  xor: Uint8Array = new Uint8Array(mask.length),
): void =>
  program.emit({
    name: 'bitwise',
    data: {
      sreg: register,
      dreg: register,
      length: mask.length,
      mask: { value: mask },
      xor: { value: xor },
      operation: 'mask',
    },
  })

const loadExtension = (
  program: Program,
  operand: Extract<Operand, { kind: 'extension' }>,
  index: number,
  keepBits: boolean,
): Bits | undefined => {
  const dreg = registerNumber(index)
  const extension = extensionsOf(operand.of)[operand.name]
  if (extension === undefined) throw new CompileError(`There is no option ${JSON.stringify(operand.name)}`)
  const kind = { type: extension.number, kind: operand.of }
  if (operand.field === undefined) {
    program.emit({ name: 'exthdr', data: { dreg, ...kind, offset: 0, length: 1, flags: exthdrPresent } })
    return undefined
  }
  const field = extension.fields[operand.field]
  if (field === undefined)
    throw new CompileError(`There is no field ${operand.field} in option ${operand.name}`)
  const place = placeOf(field[0], field[1])
  program.emit({ name: 'exthdr', data: { dreg, ...kind, offset: place.offset, length: place.bytes } })
  return bitsOf(program, place, index, keepBits)
}

const loadHash = (program: Program, operand: Extract<Operand, { kind: 'hash' }>, index: number): void => {
  const dreg = registerNumber(index)
  const { modulus, offset } = operand
  if (operand.type === 'symhash') {
    program.emit({ name: 'hash', data: { dreg, modulus, offset, type: 'symhash' } })
    return
  }
  const keyIndex = index + 4
  load(program, operand.key, keyIndex)
  const length = operandTypes(operand.key).reduce((sum, field) => sum + byteLength(field.bits), 0)
  program.emit({
    name: 'hash',
    data: {
      sreg: registerNumber(keyIndex),
      dreg,
      length,
      modulus,
      ...(operand.seed === undefined ? {} : { seed: operand.seed }),
      offset,
      type: 'jhash',
    },
  })
}

const loadBitwise = (
  program: Program,
  operand: Extract<Operand, { kind: 'bitwise' }>,
  index: number,
): void => {
  const register = registerNumber(index)
  load(program, operand.operand, index)
  const { type, bits } = operandType(operand.operand)
  const length = byteLength(bits)
  if (operand.operator === '<<' || operand.operator === '>>') {
    program.emit({
      name: 'bitwise',
      data: {
        sreg: register,
        dreg: register,
        length,
        operation: operand.operator,
        data: { value: integerBytes(BigInt(operand.value), 4, 'host') },
      },
    })
    return
  }
  const value = type.write(operand.value, length)
  const zero = new Uint8Array(length)
  if (operand.operator === '&') emitMask(program, register, value)
  else if (operand.operator === '^') emitMask(program, register, zero.fill(255), value)
  else
    emitMask(
      program,
      register,
      value.map(byte => ~byte),
      value,
    )
}

/** Loads constants, one register after the other. `types` where the operand's own datatypes have no length. */
export const loadValue = (
  program: Program,
  operand: Extract<Operand, { kind: 'value' }>,
  index: number,
  types: readonly FieldType[] = operand.types.map(fieldType),
): void => {
  const values: Scalar[] = [operand.value].flat()
  let next = index
  for (const [i, { type, bits }] of types.entries()) {
    const value = type.write(values[i] as Scalar, byteLength(bits))
    program.emit({ name: 'immediate', data: { dreg: registerNumber(next), data: { value } } })
    next += registersFor(value.length)
  }
}

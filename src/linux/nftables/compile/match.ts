import { type Datatype, integerBytes, type Scalar } from '../datatypes/datatype.ts'
import { etherType, inetProtocol } from '../datatypes/index.ts'
import type { Comparison } from '../expressions/cmp.ts'
import { lookupInverted } from '../expressions/lookup.ts'
import { type HeaderName, headerOf, headers } from '../headers/headers.ts'
import type { Operand } from '../syntax/operand.ts'
import { byteLength, type FieldType, operandType, operandTypes } from '../syntax/operand-type.ts'
import type { Pattern } from '../syntax/pattern.ts'
import type { Statement } from '../syntax/statement.ts'
import { type Bits, emitMask, load } from './load.ts'
import { CompileError, type Program, registerNumber, registersFor } from './program.ts'
import { requireFor } from './requirements.ts'

type Match = Extract<Statement, { kind: 'match' }>

/** Emits a match: its operand into register 1, and the test. Throws CompileError. */
export const compileMatch = (program: Program, { left, operator, right }: Match): void => {
  requireFor(program, left)
  if (right.kind === 'set') {
    const bits = load(program, left, 0, right.shift !== undefined)
    if (bits !== undefined) emitMask(program, 1, bits.mask)
    if (right.interval) turnParts(program, left)
    const flags = operator === '!=' ? { flags: lookupInverted } : {}
    program.emit({ name: 'lookup', data: { set: right.set, sreg: 1, ...flags } })
    return
  }
  const field = operandType(left)
  if (right.kind === 'prefix') {
    comparePrefix(program, left, operator, right, field)
    return
  }
  const bits = load(program, left, 0, true)
  const length = bits?.bytes ?? byteLength(field.bits)
  const bytesOf = (value: Scalar): Uint8Array => valueBytes(field.type, value, length, bits)
  if (bits !== undefined) emitMask(program, 1, bits.mask)
  switch (right.kind) {
    case 'value':
      if (operator === '!') throw new CompileError('Only flags can be absent')
      if (ordered(operator)) toNetworkOrder(program, field.type, length)
      compare(
        program,
        operator,
        ordered(operator) ? network(field.type, right.value, length, bits) : bytesOf(right.value),
      )
      if (operator === '==') learnFrom(program, left, right.value)
      return
    case 'wildcard':
      compare(program, equality(operator), new TextEncoder().encode(right.beginning))
      return
    case 'flags': {
      const sum = right.flags.reduce((total: bigint, flag) => total | field.type.toInteger(flag), 0n)
      const zero = new Uint8Array(length)
      if (operator === '!=') {
        compare(program, '!=', bytesOf(sum))
        return
      }
      emitMask(program, 1, bytesOf(sum))
      compare(program, operator === '!' ? '==' : '!=', zero)
      return
    }
    case 'range':
      compareRange(program, equality(operator), right, field.type, length, bits)
      return
  }
}

/** In front of a look-up in a set of intervals: turns each part that is not in network byte order. */
const turnParts = (program: Program, key: Operand): void => {
  let index = 0
  for (const { type, bits } of operandTypes(key)) {
    const length = byteLength(bits)
    toNetworkOrder(program, type, length, registerNumber(index))
    index += registersFor(length)
  }
}

const equality = (operator: Comparison | '!'): '==' | '!=' => {
  if (operator === '==' || operator === '!=') return operator
  throw new CompileError(`${operator} cannot be used with this right side`)
}

const ordered = (operator: Comparison): boolean => operator !== '==' && operator !== '!='

const compare = (program: Program, operator: Comparison, value: Uint8Array): void =>
  program.emit({ name: 'cmp', data: { sreg: 1, operator, data: { value } } })

const valueBytes = (type: Datatype, value: Scalar, length: number, bits: Bits | undefined): Uint8Array =>
  bits === undefined
    ? type.write(value, length)
    : integerBytes(type.toInteger(value) << BigInt(bits.shift), length, 'network')

const network = (type: Datatype, value: Scalar, length: number, bits: Bits | undefined): Uint8Array =>
  type.kind === 'string' || bits !== undefined
    ? valueBytes(type, value, length, bits)
    : integerBytes(type.toInteger(value), length, 'network')

/** The kernel compares bytes: what the CPU keeps the other way round is turned before it can be ordered. */
const toNetworkOrder = (program: Program, type: Datatype, length: number, register = 1): void => {
  if (type.order !== 'host' || type.kind === 'string' || length === 1) return
  program.emit({
    name: 'byteorder',
    data: { sreg: register, dreg: register, operation: 'hton', length, size: length },
  })
}

const compareRange = (
  program: Program,
  operator: '==' | '!=',
  { first, last }: Extract<Pattern, { kind: 'range' }>,
  type: Datatype,
  length: number,
  bits: Bits | undefined,
): void => {
  toNetworkOrder(program, type, length)
  const [from, to] = [network(type, first, length, bits), network(type, last, length, bits)]
  if (operator === '!=') {
    program.emit({ name: 'range', data: { sreg: 1, operator, from: { value: from }, to: { value: to } } })
    return
  }
  compare(program, '>=', from)
  compare(program, '<=', to)
}

const comparePrefix = (
  program: Program,
  left: Operand,
  operator: Comparison | '!',
  { value, length: prefix }: Extract<Pattern, { kind: 'prefix' }>,
  { type, bits }: FieldType,
): void => {
  const length = byteLength(bits)
  const bytes = type.write(value, length)
  // Whole bytes of a header are loaded alone; other prefixes are cut out by a mask.
  if (prefix > 0 && prefix % 8 === 0 && left.kind === 'payload') {
    const header: HeaderName = left.header
    const [offset] = headerOf(header).fields[left.field] as readonly [number, number, string]
    program.emit({
      name: 'payload',
      data: { dreg: 1, base: headers[header].base, offset: offset / 8, length: prefix / 8 },
    })
    compare(program, equality(operator), bytes.subarray(0, prefix / 8))
    return
  }
  load(program, left, 0)
  const mask = integerBytes(
    ((1n << BigInt(bits)) - 1n) ^ ((1n << BigInt(bits - prefix)) - 1n),
    length,
    type.order,
  )
  emitMask(program, 1, mask)
  compare(
    program,
    equality(operator),
    bytes.map((byte, i) => byte & (mask[i] as number)),
  )
}

/** A match on a protocol number says which header comes next. */
const learnFrom = (program: Program, left: Operand, value: Scalar): void => {
  const isProtocol =
    (left.kind === 'meta' && left.key === 'l4proto') ||
    (left.kind === 'payload' &&
      ((left.header === 'ip' && left.field === 'protocol') ||
        (left.header === 'ip6' && left.field === 'nexthdr')))
  if (isProtocol) {
    program.learn({ transport: Number(inetProtocol.toInteger(value)) })
    return
  }
  if (
    left.kind === 'payload' &&
    (left.header === 'icmp' || left.header === 'icmpv6') &&
    left.field === 'type'
  ) {
    program.learn({ icmpType: Number(operandType(left).type.toInteger(value)) })
    return
  }
  if (left.kind === 'meta' && left.key === 'nfproto') {
    program.learn({ network: value === 'ipv4' ? 'ip' : value === 'ipv6' ? 'ip6' : undefined })
    return
  }
  const isEtherType =
    (left.kind === 'meta' && left.key === 'protocol') ||
    (left.kind === 'payload' && left.header === 'ether' && left.field === 'type')
  if (!isEtherType) return
  const number = Number(etherType.toInteger(value))
  const name = (Object.keys(headers) as HeaderName[]).find(header => headerOf(header).etherType === number)
  if (name === 'vlan') program.learn({ link: name })
  else program.learn({ network: name })
}

import { type ByteOrder, bytesInteger, type Datatype, type Scalar } from '../datatypes/datatype.ts'
import { prefixTypes } from '../datatypes/index.ts'
import { textOfBytes } from '../datatypes/strings.ts'
import type { Comparison } from '../expressions/cmp.ts'
import type { Operand } from '../syntax/operand.ts'
import { operandTypes } from '../syntax/operand-type.ts'
import type { Pattern } from '../syntax/pattern.ts'
import type { Statement } from '../syntax/statement.ts'
import type { PacketKnowledge } from './packet.ts'
import { isPlain, type Loaded, type Source, type Step } from './registers.ts'
import {
  fieldAt,
  fieldBeginningAt,
  maskedOperand,
  noteUse,
  resolve,
  runOf,
  sourceOperand,
} from './resolve.ts'

/** From comparisons to matches, as nft reads them: fields cut out by masks, prefixes, flags, ranges. */

/** Adds what `cmp` says to the packet's statements. */
export const readComparison = (
  packet: PacketKnowledge,
  loaded: Loaded,
  operator: Comparison,
  value: Uint8Array,
): void => {
  const { source, steps } = loaded
  const equality = operator === '==' || operator === '!='
  if (steps.length === 0 && source.kind === 'payload' && equality) {
    expandPayload(packet, source, operator, value)
    return
  }
  const [mask, ...more] = steps
  if (mask?.kind === 'mask' && more.length === 0 && isPlain(mask.xor)) {
    if (readBits(packet, source, mask.mask, operator, value)) return
    if (equality) {
      readMasked(packet, source, mask, operator, value)
      return
    }
  }
  const { operand, type, order } = resolve(packet, loaded)
  pushMatch(packet, operand, operator, constant(type, order, value, widthOf(operand)))
}

const widthOf = (operand: Operand): number | undefined => operandTypes(operand)[0]?.bits

/** A constant by its datatype; a text that is shorter than its field is the beginning of names. */
const constant = (type: Datatype, order: ByteOrder, value: Uint8Array, bits: number | undefined): Pattern => {
  const isShort = bits !== undefined && value.length * 8 < bits
  if (isShort && type.kind === 'string' && !value.includes(0))
    return { kind: 'wildcard', beginning: textOfBytes(value) }
  if (isShort && prefixTypes.has(type.name)) {
    const whole = new Uint8Array(bits / 8)
    whole.set(value)
    return { kind: 'prefix', value: type.read(whole), length: value.length * 8 }
  }
  return { kind: 'value', value: scalar(type, order, value) }
}

const scalar = (type: Datatype, order: ByteOrder, value: Uint8Array): Scalar =>
  order === type.order ? type.read(value) : type.fromInteger(bytesInteger(value, order), value.length * 8)

/** Puts a match into the rule; two comparisons of one operand with `>=` and `<=` are one range. */
const pushMatch = (
  packet: PacketKnowledge,
  left: Operand,
  operator: Comparison | '!',
  right: Pattern,
): void => {
  const previous = packet.statements.at(-1)
  if (
    operator === '<=' &&
    right.kind === 'value' &&
    previous?.kind === 'match' &&
    previous.operator === '>=' &&
    previous.right.kind === 'value' &&
    sameOperand(previous.left, left)
  ) {
    packet.statements[packet.statements.length - 1] = {
      kind: 'match',
      left,
      operator: '==',
      right: { kind: 'range', first: previous.right.value, last: right.value },
    }
    return
  }
  const statement: Statement = { kind: 'match', left, operator, right }
  packet.statements.push(statement)
  if (operator === '==' && right.kind === 'value') packet.learn(statement, left, right.value)
}

const sameOperand = (a: Operand, b: Operand): boolean =>
  JSON.stringify(a, bigints) === JSON.stringify(b, bigints)
const bigints = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)

/** nft loads neighbouring fields together, and only the first bytes of a prefix: each field becomes its own match. */
const expandPayload = (
  packet: PacketKnowledge,
  source: Extract<Source, { kind: 'payload' }>,
  operator: Comparison,
  value: Uint8Array,
): void => {
  const likeliest = fieldAt(packet, source)
  const isNamed = likeliest?.kind === 'payload' && likeliest.header === packet.header(source.base)
  const parts = isNamed ? undefined : partsOf(packet, source, value)
  if (parts === undefined) {
    const operand = likeliest ?? sourceOperand(packet, source)
    noteUse(packet, operand)
    const type = operandTypes(operand)[0]?.type as Datatype
    pushMatch(packet, operand, operator, constant(type, 'network', value, undefined))
    return
  }
  for (const { operand, right } of parts) {
    noteUse(packet, operand)
    pushMatch(packet, operand, operator, right)
  }
}

const partsOf = (
  packet: PacketKnowledge,
  source: Extract<Source, { kind: 'payload' }>,
  value: Uint8Array,
): { operand: Operand; right: Pattern }[] | undefined => {
  const parts: { operand: Operand; right: Pattern }[] = []
  let offset = source.offset
  const end = source.offset + source.length
  while (offset < end) {
    const field = fieldBeginningAt(packet, source, offset, end - offset)
    if (field === undefined || offset % 8 !== 0 || field.length % 8 !== 0) return undefined
    const operand: Operand = { kind: 'payload', header: field.header, field: field.field }
    const type = operandTypes(operand)[0]?.type as Datatype
    const from = (offset - source.offset) / 8
    const bits = Math.min(field.length, end - offset)
    const bytes = new Uint8Array(field.length / 8)
    bytes.set(value.subarray(from, from + bits / 8))
    const whole = type.read(bytes)
    parts.push({
      operand,
      right:
        bits < field.length
          ? { kind: 'prefix', value: whole, length: bits }
          : { kind: 'value', value: whole },
    })
    offset += field.length
  }
  return parts
}

/** A mask that cuts exactly a field out: the constant has its value in the same place. */
const readBits = (
  packet: PacketKnowledge,
  source: Source,
  mask: Uint8Array,
  operator: Comparison,
  value: Uint8Array,
): boolean => {
  const run = runOf(mask)
  const field = run && fieldAt(packet, source, run)
  if (run === undefined || field === undefined) return false
  const type = operandTypes(field)[0]?.type as Datatype
  const shift = BigInt(value.length * 8 - run.offset - run.length)
  noteUse(packet, field)
  const right = type.fromInteger(bytesInteger(value, 'network') >> shift, run.length)
  pushMatch(packet, field, operator, { kind: 'value', value: right })
  return true
}

const readMasked = (
  packet: PacketKnowledge,
  source: Source,
  step: Extract<Step, { kind: 'mask' }>,
  operator: '==' | '!=',
  value: Uint8Array,
): void => {
  const operand = sourceOperand(packet, source)
  noteUse(packet, operand)
  const type = operandTypes(operand)[0]?.type as Datatype
  const mask = bytesInteger(step.mask, type.order)
  const integer = bytesInteger(value, type.order)
  if (type.bitmask) {
    readFlags(packet, operand, type, operator, mask, integer)
    return
  }
  const bits = value.length * 8
  const length = prefixLengthOf(mask, bits)
  if (length !== undefined && prefixTypes.has(type.name)) {
    pushMatch(packet, operand, operator, {
      kind: 'prefix',
      value: type.fromInteger(integer, bits),
      length,
    })
    return
  }
  const left = maskedOperand(operand, type, type.order, step)
  pushMatch(packet, left, operator, { kind: 'value', value: type.fromInteger(integer, bits) })
}

const readFlags = (
  packet: PacketKnowledge,
  operand: Operand,
  type: Datatype,
  operator: '==' | '!=',
  mask: bigint,
  value: bigint,
): void => {
  if (value === 0n) {
    const flags = flagsOf(type, mask)
    pushMatch(packet, operand, operator === '!=' ? '==' : '!', { kind: 'flags', flags })
    return
  }
  const left: Operand = { kind: 'bitwise', operand, operator: '&', value: type.fromInteger(mask) }
  pushMatch(packet, left, operator, { kind: 'value', value: type.fromInteger(value) })
}

/** The flags in a sum, in the order of their bits; bits without a name stay numbers. */
export const flagsOf = (type: Datatype, sum: bigint): Scalar[] => {
  const flags: Scalar[] = []
  for (let bit = 1n, rest = sum; rest > 0n; bit <<= 1n) {
    if ((rest & bit) === 0n) continue
    flags.push(type.fromInteger(bit))
    rest &= ~bit
  }
  return flags
}

/** The length of the prefix that a mask of so many bits keeps; undefined when its ones are not all in front. */
const prefixLengthOf = (mask: bigint, bits: number): number | undefined => {
  const zeros = (1n << BigInt(bits)) - 1n - mask
  if ((zeros & (zeros + 1n)) !== 0n) return undefined
  let length = bits
  for (let rest = zeros; rest > 0n; rest >>= 1n) length--
  return length
}

/** Adds what `range` says. */
export const readRange = (
  packet: PacketKnowledge,
  loaded: Loaded,
  operator: '==' | '!=',
  from: Uint8Array,
  to: Uint8Array,
): void => {
  const { operand, type } = resolve(packet, loaded)
  pushMatch(packet, operand, operator, {
    kind: 'range',
    first: scalar(type, type.kind === 'string' ? type.order : 'network', from),
    last: scalar(type, type.kind === 'string' ? type.order : 'network', to),
  })
}

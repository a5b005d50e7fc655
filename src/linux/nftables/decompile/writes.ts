import { bytesInteger } from '../datatypes/datatype.ts'
import { exthdrKinds } from '../expressions/exthdr.ts'
import type { Instruction } from '../expressions/index.ts'
import { type PayloadBase, payloadBases } from '../expressions/payload.ts'
import { extensionsOf } from '../headers/extensions.ts'
import type { Operand } from '../syntax/operand.ts'
import { operandTypes } from '../syntax/operand-type.ts'
import type { Statement } from '../syntax/statement.ts'
import type { Machine } from './machine.ts'
import type { PacketKnowledge } from './packet.ts'
import type { Loaded } from './registers.ts'
import { fieldAt, noteUse, resolve, runOf, sourceOperand } from './resolve.ts'

type Data<N extends Instruction['name']> = Extract<Instruction, { name: N; data: unknown }>['data']

/** A register's content as a value for `target`: a constant gets the target's datatypes. `silent` as with `resolve`. */
export const valueFor = (
  packet: PacketKnowledge,
  target: Operand,
  loaded: Loaded,
  silent = false,
): Operand => {
  if (loaded.source.kind !== 'constant') return resolve(packet, loaded, silent).operand
  const types = operandTypes(target).map(field => field.type)
  const [only, ...more] = types
  const bytes = loaded.source.value
  if (only === undefined)
    return { kind: 'value', value: bytesInteger(bytes, 'network'), types: ['integer raw'] }
  if (more.length === 0) return { kind: 'value', value: only.read(bytes), types: [only.name] }
  let at = 0
  const values = operandTypes(target).map(({ type, bits }) => {
    const length = Math.ceil(bits / 8)
    const value = type.read(bytes.subarray(at, at + length))
    at += (length + 3) & ~3
    return value
  })
  return { kind: 'value', value: values, types: types.map(type => type.name) }
}

/** `HEADER FIELD set VALUE`. A field that does not fill its bytes is written with the bits around it. */
export const readPayloadWrite = (
  { packet, registers }: Machine,
  data: Data<'payload'>,
): Statement | undefined => {
  const loaded = registers.at(data.sreg)
  const { base, offset, length } = data
  if (loaded === undefined || offset === undefined || length === undefined) return undefined
  if (typeof base !== 'string' || !Object.hasOwn(payloadBases, base)) return undefined
  const source = {
    kind: 'payload',
    base: base as PayloadBase,
    offset: offset * 8,
    length: length * 8,
  } as const
  const [step, ...more] = loaded.steps
  const written = loaded.source
  if (
    step?.kind === 'mask' &&
    more.length === 0 &&
    written.kind === 'payload' &&
    written.base === source.base &&
    written.offset === source.offset &&
    written.length === source.length
  ) {
    const run = runOf(step.mask.map(byte => ~byte))
    const field = run && fieldAt(packet, source, run)
    if (run !== undefined && field !== undefined) {
      noteUse(packet, field)
      const type = operandTypes(field)[0]?.type
      const shift = BigInt(step.xor.length * 8 - run.offset - run.length)
      const integer = bytesInteger(step.xor, 'network') >> shift
      if (type === undefined) return undefined
      const value = type.fromInteger(integer, run.length)
      return { kind: 'set', target: field, value: { kind: 'value', value, types: [type.name] } }
    }
  }
  const target = sourceOperand(packet, source)
  noteUse(packet, target)
  return { kind: 'set', target, value: valueFor(packet, target, loaded) }
}

/** `tcp option NAME FIELD set VALUE`, or `reset tcp option NAME`. */
export const readExtensionWrite = (
  { packet, registers }: Machine,
  data: Data<'exthdr'>,
): Statement | undefined => {
  const { type: number, offset = 0, length = 0, kind } = data
  if (typeof kind !== 'string' || !Object.hasOwn(exthdrKinds, kind) || number === undefined) return undefined
  if (data.sreg === undefined) {
    if (data.dreg !== undefined || kind !== 'tcpopt') return undefined
    const name = Object.entries(extensionsOf(kind)).find(([, extension]) => extension.number === number)?.[0]
    return { kind: 'removeOption', name: name ?? String(number) }
  }
  const loaded = registers.at(data.sreg)
  if (loaded === undefined) return undefined
  const target = sourceOperand(packet, {
    kind: 'extension',
    of: kind,
    number,
    offset: offset * 8,
    length: length * 8,
  })
  noteUse(packet, target)
  return { kind: 'set', target, value: valueFor(packet, target, loaded) }
}

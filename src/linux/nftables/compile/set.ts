import { extensionsOf } from '../headers/extensions.ts'
import { fieldOf, headerOf } from '../headers/headers.ts'
import type { Operand } from '../syntax/operand.ts'
import { byteLength, operandType, operandTypes } from '../syntax/operand-type.ts'
import { load, loadValue } from './load.ts'
import { CompileError, type Program } from './program.ts'
import { requireFor } from './requirements.ts'

/** Emits `TARGET set VALUE`: the value into register 1, in the byte order of the target, and from there to the target. */
export const compileSet = (program: Program, target: Operand, value: Operand): void => {
  requireFor(program, target)
  requireFor(program, value)
  if (value.kind === 'value') loadValue(program, value, 0, operandTypes(target))
  else load(program, value, 0)
  turn(program, target, value)
  const sreg = 1
  switch (target.kind) {
    case 'meta':
      program.emit({ name: 'meta', data: { key: target.key, sreg } })
      return
    case 'ct': {
      const direction = target.direction && { direction: target.direction === 'reply' ? 1 : 0 }
      program.emit({ name: 'ct', data: { key: target.key, sreg, ...direction } })
      return
    }
    case 'extension':
      storeExtension(program, target)
      return
    case 'payload':
      storePayload(program, target)
      return
    default:
      throw new CompileError(`A rule cannot set ${target.kind}`)
  }
}

/** What the CPU keeps the other way round is turned before it goes into the packet. */
const turn = (program: Program, target: Operand, value: Operand): void => {
  if (value.kind === 'value' || value.kind === 'concat') return
  const [from, to] = [operandType(value), operandType(target)]
  const length = byteLength(from.bits)
  if (from.type.order === to.type.order || length === 1) return
  program.emit({
    name: 'byteorder',
    data: {
      sreg: 1,
      dreg: 1,
      operation: to.type.order === 'network' ? 'hton' : 'ntoh',
      length,
      size: length,
    },
  })
}

const storeExtension = (program: Program, target: Extract<Operand, { kind: 'extension' }>): void => {
  const extension = extensionsOf(target.of)[target.name]
  const field = extension?.fields[target.field ?? '']
  if (extension === undefined || field === undefined)
    throw new CompileError(`There is no field ${target.field} in option ${target.name}`)
  program.emit({
    name: 'exthdr',
    data: {
      sreg: 1,
      type: extension.number,
      offset: field[0] / 8,
      length: byteLength(field[1]),
      kind: target.of,
    },
  })
}

/** The bytes of the checksum that has to be mended with the header's bytes: offset, and 1 if the address counts too. */
const checksumOffsets: Readonly<Record<string, number>> = {
  ip: 10,
  icmp: 2,
  icmpv6: 2,
  igmp: 2,
  tcp: 16,
  udp: 6,
  udplite: 6,
}

const storePayload = (program: Program, target: Extract<Operand, { kind: 'payload' }>): void => {
  const [offset, bits] = fieldOf(target.header, target.field)
  if (offset % 8 !== 0 || bits % 8 !== 0)
    throw new CompileError(`${target.header} ${target.field} does not fill bytes and cannot be set`)
  const checksumOffset = checksumOffsets[target.header]
  program.emit({
    name: 'payload',
    data: {
      sreg: 1,
      base: headerOf(target.header).base,
      offset: offset / 8,
      length: bits / 8,
      ...(checksumOffset === undefined ? {} : { checksumType: 1, checksumOffset }),
      ...(target.header === 'ip' && (target.field === 'saddr' || target.field === 'daddr')
        ? { checksumFlags: 1 }
        : {}),
    },
  })
}

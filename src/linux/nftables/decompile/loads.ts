import { bytesInteger } from '../datatypes/datatype.ts'
import { ctKeys } from '../expressions/ct.ts'
import { exthdrKinds, exthdrPresent } from '../expressions/exthdr.ts'
import { type FibFlag, fibFlags, fibResults } from '../expressions/fib.ts'
import type { Instruction } from '../expressions/index.ts'
import { metaKeys } from '../expressions/meta.ts'
import { payloadBases } from '../expressions/payload.ts'
import { rtKeys } from '../expressions/rt.ts'
import { extensionsOf } from '../headers/extensions.ts'
import {
  ctTypes,
  fibTypes,
  type KeyType,
  metaTypes,
  rtTypes,
  socketTypes,
  xfrmTypes,
} from '../headers/keys.ts'
import type { Operand } from '../syntax/operand.ts'
import { byteLength } from '../syntax/operand-type.ts'
import type { PacketKnowledge } from './packet.ts'
import type { Registers, Source } from './registers.ts'
import { resolve } from './resolve.ts'

type Data<N extends Instruction['name']> = Extract<Instruction, { name: N; data: unknown }>['data']

/** A name of a table that has it; undefined for a number or a name of a newer kernel. */
const known = <T extends object>(
  table: T,
  name: string | number | undefined,
): (keyof T & string) | undefined =>
  typeof name === 'string' && Object.hasOwn(table, name) ? (name as keyof T & string) : undefined

/**
 * Runs an instruction that puts something into a register. Returns false for all others, and for what cannot be
 * described: an unknown key, or a register with unknown content.
 */
export const runLoad = (packet: PacketKnowledge, registers: Registers, instruction: Instruction): boolean => {
  switch (instruction.name) {
    case 'meta':
      return loadMeta(registers, instruction.data)
    case 'ct':
      return loadCt(packet, registers, instruction.data)
    case 'payload':
      return loadPayload(registers, instruction.data)
    case 'exthdr':
      return loadExtension(registers, instruction.data)
    case 'fib':
      return loadFib(registers, instruction.data)
    case 'rt': {
      const key = known(rtKeys, instruction.data.key)
      return (
        key !== undefined && loadOperand(registers, instruction.data.dreg, { kind: 'rt', key }, rtTypes[key])
      )
    }
    case 'socket': {
      const { key: name, dreg, level } = instruction.data
      const key = known(socketTypes, name)
      if (key === undefined) return false
      const operand: Operand = {
        kind: 'socket',
        key,
        ...(key !== 'cgroupv2' || level === undefined ? {} : { level }),
      }
      return loadOperand(registers, dreg, operand, socketTypes[key])
    }
    case 'numgen': {
      const { dreg, type, modulus, offset = 0 } = instruction.data
      if (typeof type !== 'string' || modulus === undefined) return false
      return loadOperand(registers, dreg, { kind: 'numgen', type, modulus, offset }, ['integer host', 32])
    }
    case 'osf': {
      const { dreg, ttl = 0, flags = 0 } = instruction.data
      const operand: Operand = { kind: 'osf', ttl, ...(flags & 1 ? { version: true as const } : {}) }
      return loadOperand(registers, dreg, operand, ['string', 128])
    }
    case 'xfrm': {
      const { dreg, key: name, direction, number = 0 } = instruction.data
      const key = known(xfrmTypes, name)
      if (key === undefined) return false
      const operand: Operand = { kind: 'ipsec', direction: direction === 1 ? 'out' : 'in', number, key }
      return loadOperand(registers, dreg, operand, xfrmTypes[key])
    }
    case 'hash':
      return loadHash(packet, registers, instruction.data)
    case 'immediate': {
      const { dreg, data } = instruction.data
      if (dreg === 0 || dreg === undefined || data?.value === undefined) return false
      const source: Source = { kind: 'constant', value: data.value }
      registers.store(dreg, { source, steps: [], bytes: data.value.length })
      return true
    }
    case 'bitwise':
      return runBitwise(registers, instruction.data)
    case 'byteorder': {
      const { sreg, dreg } = instruction.data
      const loaded = registers.at(sreg)
      if (loaded === undefined) return false
      registers.store(dreg, { ...loaded, steps: [...loaded.steps, { kind: 'byteorder' }] })
      return true
    }
    default:
      return false
  }
}

const loadOperand = (
  registers: Registers,
  dreg: number | undefined,
  operand: Operand,
  [, bits]: KeyType,
): boolean => {
  if (dreg === undefined) return false
  registers.store(dreg, { source: { kind: 'operand', operand }, steps: [], bytes: byteLength(bits) })
  return true
}

const loadMeta = (registers: Registers, { key: name, dreg }: Data<'meta'>): boolean => {
  const key = known(metaKeys, name)
  return key !== undefined && loadOperand(registers, dreg, { kind: 'meta', key }, metaTypes[key])
}

const loadCt = (
  packet: PacketKnowledge,
  registers: Registers,
  { key: name, dreg, direction }: Data<'ct'>,
): boolean => {
  const plain = known(ctKeys, name)
  if (plain === undefined) return false
  // The old keys for addresses have the table's family; nft prints them as the new ones.
  const withFamily = known(ctKeys, `${packet.family} ${plain}`)
  const key = withFamily ?? plain
  const operand: Operand =
    direction === undefined
      ? { kind: 'ct', key }
      : { kind: 'ct', key, direction: direction === 1 ? 'reply' : 'original' }
  return loadOperand(registers, dreg, operand, ctTypes[key])
}

const loadPayload = (registers: Registers, data: Data<'payload'>): boolean => {
  const base = known(payloadBases, data.base)
  const { dreg, offset, length } = data
  if (base === undefined || dreg === undefined || offset === undefined || length === undefined) return false
  registers.store(dreg, {
    source: { kind: 'payload', base, offset: offset * 8, length: length * 8 },
    steps: [],
    bytes: length,
  })
  return true
}

const loadExtension = (registers: Registers, data: Data<'exthdr'>): boolean => {
  const { dreg, type: number, offset = 0, length = 0, flags = 0 } = data
  const of = data.kind === undefined ? 'ipv6' : known(exthdrKinds, data.kind)
  if (of === undefined || dreg === undefined || number === undefined) return false
  if ((flags & exthdrPresent) === 0) {
    registers.store(dreg, {
      source: { kind: 'extension', of, number, offset: offset * 8, length: length * 8 },
      steps: [],
      bytes: length,
    })
    return true
  }
  const name = Object.entries(extensionsOf(of)).find(([, extension]) => extension.number === number)?.[0]
  const operand: Operand =
    name === undefined
      ? { kind: 'rawExtension', of, number, offset: offset * 8, length: length * 8, present: true }
      : { kind: 'extension', of, name }
  return loadOperand(registers, dreg, operand, ['boolean', 1])
}

const loadFib = (registers: Registers, { dreg, result: name, flags = 0 }: Data<'fib'>): boolean => {
  const result = known(fibResults, name)
  if (result === undefined) return false
  const names = (Object.keys(fibFlags) as FibFlag[]).filter(
    flag => flag !== 'present' && flags & fibFlags[flag],
  )
  const present = (flags & fibFlags.present) !== 0
  const operand: Operand = { kind: 'fib', flags: names, result, ...(present ? { present } : {}) }
  return loadOperand(registers, dreg, operand, present ? ['boolean', 1] : fibTypes[result])
}

const loadHash = (packet: PacketKnowledge, registers: Registers, data: Data<'hash'>): boolean => {
  const { type, sreg, dreg, length = 0, modulus, seed, offset = 0 } = data
  if (modulus === undefined) return false
  if (type === 'symhash')
    return loadOperand(registers, dreg, { kind: 'hash', type, modulus, offset }, ['integer host', 32])
  const parts = registers.key(sreg, length)?.map(part => resolve(packet, part).operand)
  const [only, ...more] = parts ?? []
  if (type !== 'jhash' || parts === undefined || only === undefined) return false
  const key: Operand = more.length === 0 ? only : { kind: 'concat', parts }
  const operand: Operand = {
    kind: 'hash',
    type,
    key,
    modulus,
    ...(seed === undefined ? {} : { seed }),
    offset,
  }
  return loadOperand(registers, dreg, operand, ['integer host', 32])
}

const runBitwise = (registers: Registers, data: Data<'bitwise'>): boolean => {
  const loaded = registers.at(data.sreg)
  if (loaded === undefined || data.dreg === undefined) return false
  const operation = data.operation ?? 'mask'
  if (operation === 'mask') {
    const mask = data.mask?.value
    const xor = data.xor?.value
    if (mask === undefined || xor === undefined || mask.length !== xor.length) return false
    registers.store(data.dreg, { ...loaded, steps: [...loaded.steps, { kind: 'mask', mask, xor }] })
    return true
  }
  const amount = data.data?.value
  if ((operation !== '<<' && operation !== '>>') || amount?.length !== 4) return false
  const step = { kind: 'shift', operator: operation, amount: Number(bytesInteger(amount, 'host')) } as const
  registers.store(data.dreg, { ...loaded, steps: [...loaded.steps, step] })
  return true
}

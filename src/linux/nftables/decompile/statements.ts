import { limitUnits } from '../compile/compile.ts'
import { icmpCodes, icmpv6Codes, icmpxCodes } from '../datatypes/symbols.ts'
import type { Comparison } from '../expressions/cmp.ts'
import { comparisons } from '../expressions/cmp.ts'
import { ctKeys } from '../expressions/ct.ts'
import type { Instruction } from '../expressions/index.ts'
import { logLevels } from '../expressions/log.ts'
import { lookupInverted } from '../expressions/lookup.ts'
import { metaKeys } from '../expressions/meta.ts'
import { verdictOf } from '../sets/decode-elements.ts'
import type { Operand } from '../syntax/operand.ts'
import type { Log, Statement } from '../syntax/statement.ts'
import { readDup, readDynset, readForward, readObject, readQueue, readTproxy } from './actions.ts'
import { type Machine, readKey } from './machine.ts'
import { readComparison, readRange } from './match.ts'
import { readLocalNat, readNat } from './nat.ts'
import type { PacketKnowledge } from './packet.ts'
import { isTurned } from './registers.ts'
import { fieldInPlace } from './resolve.ts'
import { readExtensionWrite, readPayloadWrite, valueFor } from './writes.ts'

type Data<N extends Instruction['name']> = Extract<Instruction, { name: N; data: unknown }>['data']

/** Adds the statement that an instruction makes of the registers. Returns false when it cannot be read. */
export const readStatement = (machine: Machine, instruction: Instruction): boolean => {
  const { packet } = machine
  const push = (statement: Statement | undefined): boolean => {
    if (statement === undefined) return false
    packet.statements.push(statement)
    return true
  }
  switch (instruction.name) {
    case 'cmp':
      return readCmp(machine, instruction.data)
    case 'range':
      return readRangeInstruction(machine, instruction.data)
    case 'lookup':
      return readLookup(machine, instruction.data)
    case 'immediate': {
      const verdict = instruction.data.data?.verdict
      const value = verdict && verdictOf(verdict)
      return push(value && { kind: 'verdict', ...value })
    }
    case 'meta': {
      const { key, sreg } = instruction.data
      if (typeof key !== 'string' || !Object.hasOwn(metaKeys, key)) return false
      return push(readSet(machine, { kind: 'meta', key }, sreg))
    }
    case 'ct': {
      const { key, sreg, direction } = instruction.data
      if (typeof key !== 'string' || !Object.hasOwn(ctKeys, key)) return false
      const target: Operand =
        direction === undefined
          ? { kind: 'ct', key }
          : { kind: 'ct', key, direction: direction === 1 ? 'reply' : 'original' }
      return push(readSet(machine, target, sreg))
    }
    case 'payload':
      return push(readPayloadWrite(machine, instruction.data))
    case 'exthdr':
      return push(readExtensionWrite(machine, instruction.data))
    case 'counter':
      return push({
        kind: 'counter',
        packets: instruction.data.packets ?? 0n,
        bytes: instruction.data.bytes ?? 0n,
      })
    case 'limit':
      return push(readLimit(instruction.data))
    case 'quota':
    case 'connlimit':
    case 'last':
      return push({ kind: 'stateful', instruction })
    case 'log':
      return push(readLog(instruction.data))
    case 'reject':
      return push(readReject(packet, instruction.data))
    case 'nat':
      return push(readNat(machine, instruction.data))
    case 'masq':
      return push(readLocalNat(machine, 'masquerade', instruction.data))
    case 'redir':
      return push(readLocalNat(machine, 'redirect', instruction.data))
    case 'notrack':
      return push({ kind: 'notrack' })
    case 'objref':
      return push(readObject(machine, instruction.data))
    case 'dynset':
      return push(readDynset(machine, instruction.data))
    case 'queue':
      return push(readQueue(machine, instruction.data))
    case 'dup':
      return push(readDup(machine, instruction.data))
    case 'fwd':
      return push(readForward(machine, instruction.data))
    case 'tproxy':
      return push(readTproxy(machine, instruction.data))
    case 'synproxy': {
      const { mss, windowScale, flags = 0 } = instruction.data
      return push({
        kind: 'synproxy',
        ...(mss === undefined || !(flags & 1) ? {} : { mss }),
        ...(windowScale === undefined || !(flags & 2) ? {} : { windowScale }),
        flags,
      })
    }
    case 'flow_offload': {
      const { table } = instruction.data
      return push(table === undefined ? undefined : { kind: 'flowOffload', table })
    }
    default:
      return false
  }
}

const readCmp = ({ packet, registers }: Machine, data: Data<'cmp'>): boolean => {
  const loaded = registers.at(data.sreg)
  const value = data.data?.value
  const { operator } = data
  if (loaded === undefined || value === undefined || loaded.source.kind === 'constant') return false
  if (typeof operator !== 'string' || !Object.hasOwn(comparisons, operator)) return false
  readComparison(packet, loaded, operator as Comparison, value)
  return true
}

const readRangeInstruction = ({ packet, registers }: Machine, data: Data<'range'>): boolean => {
  const loaded = registers.at(data.sreg)
  const [from, to] = [data.from?.value, data.to?.value]
  if (loaded === undefined || from === undefined || to === undefined || typeof data.operator !== 'string')
    return false
  readRange(packet, loaded, data.operator, from, to)
  return true
}

const readLookup = (machine: Machine, data: Data<'lookup'>): boolean => {
  const { packet, registers, sets } = machine
  const set = sets.get(data.set ?? '')
  if (set === undefined) return false
  // What a map gives is used later; until then its key says nothing.
  const isValue = data.dreg !== undefined && data.dreg !== 0
  const inPlace = isValue ? undefined : fieldInPlace(packet, registers.at(data.sreg))
  const key = inPlace?.operand ?? readKey(machine, data.sreg, set.keyBytes, isValue)
  if (key === undefined) return false
  const turned = registers.key(data.sreg, set.keyBytes)?.some(isTurned)
  const shift = { ...(inPlace && { shift: inPlace.shift }), ...(turned ? { interval: true as const } : {}) }
  if (data.dreg === undefined) {
    const operator = (data.flags ?? 0) & lookupInverted ? '!=' : '=='
    packet.statements.push({
      kind: 'match',
      left: key,
      operator,
      right: { kind: 'set', set: set.name, ...shift },
    })
  } else if (data.dreg === 0) packet.statements.push({ kind: 'verdictMap', key, map: set.name, ...shift })
  else
    registers.store(data.dreg, {
      source: { kind: 'operand', operand: { kind: 'map', key, map: set.name, data: set.data ?? [] } },
      steps: [],
      bytes: set.dataBytes ?? 0,
    })
  return true
}

const readSet = (machine: Machine, target: Operand, register: number | undefined): Statement | undefined => {
  const loaded = machine.registers.at(register)
  if (loaded === undefined) return undefined
  return { kind: 'set', target, value: valueFor(machine.packet, target, loaded) }
}

const readLimit = (data: Data<'limit'>): Statement | undefined => {
  const per = (Object.keys(limitUnits) as (keyof typeof limitUnits)[]).find(
    unit => BigInt(limitUnits[unit]) === data.unit,
  )
  if (data.rate === undefined || per === undefined || typeof data.type === 'number') return undefined
  return {
    kind: 'limit',
    rate: data.rate,
    per,
    burst: data.burst ?? 0,
    of: data.type ?? 'packets',
    over: ((data.flags ?? 0) & 1) !== 0,
  }
}

const readLog = ({ level, flags = 0, ...rest }: Data<'log'>): Statement | undefined => {
  if (typeof level === 'number' || (level !== undefined && !Object.hasOwn(logLevels, level))) return undefined
  const { unknown: _, ...known } = rest
  const log: Log = { kind: 'log', ...known, flags, ...(level === undefined ? {} : { level }) }
  return log
}

const nameOfCode = (codes: Readonly<Record<string, number>>, code: number): string | number =>
  Object.keys(codes).find(name => codes[name] === code) ?? code

const readReject = (packet: PacketKnowledge, { type, code = 0 }: Data<'reject'>): Statement | undefined => {
  switch (type) {
    case 'tcpReset':
      packet.useTcpReset()
      return { kind: 'reject', with: 'tcp reset' }
    case 'icmpx':
      return { kind: 'reject', with: 'icmpx', code: nameOfCode(icmpxCodes, code) }
    case 'icmp': {
      const header = packet.header('network')
      if (header !== 'ip' && header !== 'ip6') return undefined
      packet.useFamily()
      return header === 'ip'
        ? { kind: 'reject', with: 'icmp', code: nameOfCode(icmpCodes, code) }
        : { kind: 'reject', with: 'icmpv6', code: nameOfCode(icmpv6Codes, code) }
    }
    default:
      return undefined
  }
}

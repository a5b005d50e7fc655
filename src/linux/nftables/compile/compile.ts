import { icmpCodes, icmpv6Codes, icmpxCodes } from '../datatypes/symbols.ts'
import { verdictCodes } from '../expressions/data.ts'
import type { Instruction } from '../expressions/index.ts'
import { natFlags } from '../expressions/nat.ts'
import { queueFlags } from '../expressions/queue.ts'
import { type Family, familyNumber } from '../family.ts'
import { extensionsOf } from '../headers/extensions.ts'
import type { VerdictValue } from '../sets/element.ts'
import type { Operand } from '../syntax/operand.ts'
import { byteLength, operandTypes } from '../syntax/operand-type.ts'
import type { Limit, Nat, NatFlag, Reject, Rule, Statement } from '../syntax/statement.ts'
import { emitMask, load, requireFor } from './load.ts'
import { compileMatch } from './match.ts'
import { CompileError, Program, registerNumber, registersFor } from './program.ts'
import { compileSet } from './set.ts'

/**
 * The instructions of a rule in a table of a family, the same as nft's for the same text. Throws CompileError when the
 * rule contradicts itself, EncodeError for values that do not fit. Equivalent to: `nft --debug=netlink add rule …`
 */
export const compile = (rule: Rule, family: Family): Instruction[] => {
  const program = new Program(family)
  for (const statement of rule.statements) compileStatement(program, statement)
  return program.instructions
}

const compileStatement = (program: Program, statement: Statement): void => {
  switch (statement.kind) {
    case 'match':
      compileMatch(program, statement)
      return
    case 'verdict':
      program.emit({ name: 'immediate', data: { dreg: 0, data: { verdict: verdictData(statement) } } })
      return
    case 'verdictMap': {
      requireFor(program, statement.key)
      const bits = load(program, statement.key, 0, statement.shift !== undefined)
      if (bits !== undefined) emitMask(program, 1, bits.mask)
      program.emit({ name: 'lookup', data: { set: statement.map, sreg: 1, dreg: 0 } })
      return
    }
    case 'set':
      compileSet(program, statement.target, statement.value)
      return
    case 'counter':
      program.emit({
        name: 'counter',
        data: { bytes: BigInt(statement.bytes), packets: BigInt(statement.packets) },
      })
      return
    case 'limit':
      program.emit(compileLimit(statement))
      return
    case 'log': {
      const { kind: _, ...log } = statement
      program.emit({ name: 'log', data: log.flags === 0 ? omitFlags(log) : log })
      return
    }
    case 'reject':
      compileReject(program, statement)
      return
    case 'nat':
      compileNat(program, statement)
      return
    case 'masquerade':
    case 'redirect':
      compileLocalNat(program, statement)
      return
    case 'notrack':
      program.emit({ name: 'notrack', data: {} })
      return
    case 'object':
      program.emit({ name: 'objref', data: { type: statement.type, object: statement.name } })
      return
    case 'objectMap':
      requireFor(program, statement.key)
      load(program, statement.key, 0)
      program.emit({ name: 'objref', data: { sreg: 1, set: statement.map } })
      return
    case 'stateful':
      program.emit(statement.instruction)
      return
    case 'dynset':
      compileDynset(program, statement)
      return
    case 'queue':
      compileQueue(program, statement)
      return
    case 'dup':
      compileDup(program, statement)
      return
    case 'forward':
      compileForward(program, statement)
      return
    case 'tproxy':
      compileTproxy(program, statement)
      return
    case 'synproxy': {
      const { mss, windowScale, flags } = statement
      program.emit({
        name: 'synproxy',
        data: {
          ...(mss === undefined ? {} : { mss }),
          ...(windowScale === undefined ? {} : { windowScale }),
          flags,
        },
      })
      return
    }
    case 'flowOffload':
      program.emit({ name: 'flow_offload', data: { table: statement.table } })
      return
    case 'removeOption': {
      const type = extensionsOf('tcpopt')[statement.name]?.number
      if (type === undefined) throw new CompileError(`There is no TCP option ${statement.name}`)
      program.emit({ name: 'exthdr', data: { type, offset: 0, length: 0, kind: 'tcpopt' } })
      return
    }
    case 'raw':
      program.emit(statement.instruction)
      return
  }
}

/** A verdict as the kernel has it, for rules and for elements of verdict maps. */
export const verdictData = ({ verdict, chain }: VerdictValue): { code: number; chain?: string } => ({
  code: verdictCodes[verdict],
  ...(chain === undefined ? {} : { chain }),
})

const omitFlags = <T extends { flags: number }>({ flags: _, ...rest }: T): Omit<T, 'flags'> => rest

/** Seconds of a unit of `limit rate`. */
export const limitUnits = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 } as const

const compileLimit = ({ rate, per, burst, of, over }: Limit): Instruction => ({
  name: 'limit',
  data: {
    rate: BigInt(rate),
    unit: BigInt(limitUnits[per]),
    burst,
    type: of,
    flags: over ? 1 : 0,
  },
})

const compileReject = (program: Program, reject: Reject): void => {
  if (reject.with === 'tcp reset') {
    program.requireProtocol(6)
    program.emit({ name: 'reject', data: { type: 'tcpReset', code: 0 } })
    return
  }
  const { with: how, code = 0 } = reject
  if (how !== 'icmpx') program.requireFamily(how === 'icmp' ? 'ip' : 'ip6')
  const codes: Record<string, number> = { icmp: icmpCodes, icmpv6: icmpv6Codes, icmpx: icmpxCodes }[how]
  const number = typeof code === 'number' ? code : codes[code]
  if (number === undefined) throw new CompileError(`There is no ${how} code ${JSON.stringify(code)}`)
  program.emit({ name: 'reject', data: { type: how === 'icmpx' ? 'icmpx' : 'icmp', code: number } })
}

const natBits = (flags: readonly NatFlag[]): number =>
  flags.reduce(
    (sum, flag) =>
      sum |
      { random: natFlags.random, 'fully-random': natFlags.fullyRandom, persistent: natFlags.persistent }[
        flag
      ],
    0,
  )

/** `masquerade` and `redirect`: the address is found by the kernel, ports may be given. */
const compileLocalNat = (
  program: Program,
  { kind, port, portMax, flags: names }: Extract<Statement, { kind: 'masquerade' | 'redirect' }>,
): void => {
  const flags = natBits(names) | (port ? natFlags.protoSpecified : 0)
  if (port) {
    requireFor(program, port)
    load(program, port, 0)
  }
  if (portMax) load(program, portMax, 4)
  const ports = {
    ...(port ? { portMin: registerNumber(0) } : {}),
    ...(portMax ? { portMax: registerNumber(4) } : {}),
  }
  program.emit({
    name: kind === 'masquerade' ? 'masq' : 'redir',
    data: { ...ports, ...(flags ? { flags } : {}) },
  })
}

/**
 * Registers are taken in the kernel's order of parameters, sixteen bytes each; a map that gives address and port leaves
 * them one behind the other.
 */
const compileNat = (program: Program, nat: Nat): void => {
  const { address, addressMax, port, portMax } = nat
  for (const operand of [address, addressMax, port, portMax]) if (operand) requireFor(program, operand)
  const family =
    nat.family ?? (program.family === 'ip' || program.family === 'ip6' ? program.family : undefined)
  if (family === undefined && address) throw new CompileError(`${nat.type} in this table needs its family`)
  const registers: Record<string, number> = {}
  let next = 0
  const take = (name: string, operand: Operand | undefined): void => {
    if (operand === undefined) return
    load(program, operand, next)
    registers[name] = registerNumber(next)
    next += 4
  }
  let flags = natBits(nat.flags)
  if (nat.netmap) flags |= natFlags.netmap
  take('addressMin', address)
  const fields = address?.kind === 'map' ? operandTypes(address) : []
  if (fields.length === 2 && fields[0])
    registers['portMin'] = registerNumber(registersFor(byteLength(fields[0].bits)))
  take('addressMax', addressMax)
  take('portMin', port)
  take('portMax', portMax)
  if (port) flags |= natFlags.protoSpecified
  program.emit({
    name: 'nat',
    data: {
      type: nat.type,
      family: family ?? familyNumber(program.family),
      ...registers,
      ...(flags ? { flags } : {}),
    },
  })
}

const compileDynset = (program: Program, statement: Extract<Statement, { kind: 'dynset' }>): void => {
  const { key, data, stateful } = statement
  requireFor(program, key)
  if (data) requireFor(program, data)
  load(program, key, 0)
  const width = operandTypes(key).reduce((sum, field) => sum + registersFor(byteLength(field.bits)), 0)
  const dataIndex = Math.ceil(width / 4) * 4
  if (data) load(program, data, dataIndex)
  const [first, ...more] = stateful
  program.emit({
    name: 'dynset',
    data: {
      keyRegister: 1,
      ...(data ? { dataRegister: registerNumber(dataIndex) } : {}),
      operation: statement.operation,
      set: statement.set,
      ...(statement.timeout === undefined ? {} : { timeout: BigInt(statement.timeout) }),
      ...(first === undefined
        ? {}
        : more.length === 0
          ? { flags: 2, expression: first }
          : { flags: 2, expressions: stateful }),
    },
  })
}

const compileQueue = (program: Program, statement: Extract<Statement, { kind: 'queue' }>): void => {
  const flags = statement.flags.reduce((sum, flag) => sum | queueFlags[flag], 0)
  if (statement.number.kind === 'value') {
    const number = Number([statement.number.value].flat()[0])
    const total = (statement.last ?? number) - number + 1
    program.emit({ name: 'queue', data: { number, total, ...(flags ? { flags } : {}) } })
    return
  }
  requireFor(program, statement.number)
  load(program, statement.number, 0)
  program.emit({ name: 'queue', data: { sreg: 1, ...(flags ? { flags } : {}) } })
}

const compileDup = (program: Program, { address, device }: Extract<Statement, { kind: 'dup' }>): void => {
  if (address) load(program, address, 0)
  const deviceIndex = address ? 4 : 0
  if (device) load(program, device, deviceIndex)
  program.emit({
    name: 'dup',
    data: { ...(address ? { address: 1 } : {}), ...(device ? { device: registerNumber(deviceIndex) } : {}) },
  })
}

const compileForward = (program: Program, statement: Extract<Statement, { kind: 'forward' }>): void => {
  const { address, device, family } = statement
  load(program, device, 0)
  if (address) load(program, address, 4)
  program.emit({
    name: 'fwd',
    data: {
      device: 1,
      ...(address ? { address: registerNumber(4) } : {}),
      ...(family ? { family: family === 'ip' ? 2 : 10 } : {}),
    },
  })
}

const compileTproxy = (program: Program, statement: Extract<Statement, { kind: 'tproxy' }>): void => {
  const { address, port, family } = statement
  if (address) load(program, address, 0)
  const portIndex = address ? 4 : 0
  if (port) load(program, port, portIndex)
  program.emit({
    name: 'tproxy',
    data: {
      family: family === undefined ? 0 : family === 'ip' ? 2 : 10,
      ...(address ? { address: 1 } : {}),
      ...(port ? { port: registerNumber(portIndex) } : {}),
    },
  })
}

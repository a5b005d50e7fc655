import { icmpCodes, icmpv6Codes, icmpxCodes } from '../datatypes/symbols.ts'
import { verdictCodes } from '../expressions/data.ts'
import type { Instruction } from '../expressions/index.ts'
import type { Family } from '../family.ts'
import { extensionsOf } from '../headers/extensions.ts'
import type { VerdictValue } from '../sets/element.ts'
import type { Limit, Reject, Rule, Statement } from '../syntax/statement.ts'
import { compileDup, compileDynset, compileForward, compileQueue, compileTproxy } from './actions.ts'
import { emitMask, load } from './load.ts'
import { compileMatch } from './match.ts'
import { compileLocalNat, compileNat } from './nat.ts'
import { CompileError, Program } from './program.ts'
import { requireFor } from './requirements.ts'
import { compileSet } from './set.ts'

/**
 * The instructions of a rule in a table of a family: those of nft for the same text, but that nft compares neighbouring
 * fields of a header at once. Throws CompileError when the rule contradicts itself, EncodeError for values that do not
 * fit. Equivalent to: `nft --debug=netlink add rule …`
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
    program.needProtocol(6)
    program.emit({ name: 'reject', data: { type: 'tcpReset', code: 0 } })
    return
  }
  const { with: how, code = 0 } = reject
  if (how !== 'icmpx') program.needFamily(how === 'icmp' ? 'ip' : 'ip6')
  const codes: Record<string, number> = { icmp: icmpCodes, icmpv6: icmpv6Codes, icmpx: icmpxCodes }[how]
  const number = typeof code === 'number' ? code : codes[code]
  if (number === undefined) throw new CompileError(`There is no ${how} code ${JSON.stringify(code)}`)
  program.emit({ name: 'reject', data: { type: how === 'icmpx' ? 'icmpx' : 'icmp', code: number } })
}

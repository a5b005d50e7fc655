import { natFlags } from '../expressions/nat.ts'
import { familyNumber } from '../family.ts'
import type { Operand } from '../syntax/operand.ts'
import { byteLength, operandTypes } from '../syntax/operand-type.ts'
import type { Nat, NatFlag, Statement } from '../syntax/statement.ts'
import { load } from './load.ts'
import { CompileError, type Program, registerNumber, registersFor } from './program.ts'
import { requireFor } from './requirements.ts'

/** The statements that rewrite addresses and ports. */

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
export const compileLocalNat = (
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
export const compileNat = (program: Program, nat: Nat): void => {
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
    registers.portMin = registerNumber(registersFor(byteLength(fields[0].bits)))
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

import type { Instruction } from '../expressions/index.ts'
import { natFlags } from '../expressions/nat.ts'
import type { Operand } from '../syntax/operand.ts'
import type { NatFlag, Statement } from '../syntax/statement.ts'
import type { Machine } from './statements.ts'
import { valueFor } from './writes.ts'

type Data<N extends Instruction['name']> = Extract<Instruction, { name: N; data: unknown }>['data']

const flagsOf = (bits = 0): NatFlag[] => [
  ...(bits & natFlags.random ? (['random'] as const) : []),
  ...(bits & natFlags.fullyRandom ? (['fully-random'] as const) : []),
  ...(bits & natFlags.persistent ? (['persistent'] as const) : []),
]

const like = (type: string): Operand => ({ kind: 'value', value: 0, types: [type] })

/** A register's content, unless it is a further part of a map's value that begins in an earlier register. */
const operandAt = (
  { packet, registers }: Machine,
  type: string,
  register: number | undefined,
): Operand | undefined => {
  const loaded = registers.at(register)
  return loaded && valueFor(packet, like(type), loaded)
}

/** `snat` and `dnat`. Undefined when a register's content is not known. */
export const readNat = (machine: Machine, data: Data<'nat'>): Statement | undefined => {
  const { type, family } = data
  if (typeof type !== 'string' || typeof family !== 'string') return undefined
  const { registers } = machine
  for (const register of [data.addressMin, data.addressMax, data.portMin, data.portMax])
    if (register !== undefined && registers.around(register) === undefined) return undefined
  const addressType = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'
  const address = operandAt(machine, addressType, data.addressMin)
  const isOther = (max: number | undefined, min: number | undefined): boolean =>
    max !== undefined && max !== min
  const addressMax = isOther(data.addressMax, data.addressMin)
    ? operandAt(machine, addressType, data.addressMax)
    : undefined
  const port = operandAt(machine, 'inet_service', data.portMin)
  const portMax = isOther(data.portMax, data.portMin)
    ? operandAt(machine, 'inet_service', data.portMax)
    : undefined
  return {
    kind: 'nat',
    type,
    family,
    ...(address ? { address } : {}),
    ...(addressMax ? { addressMax } : {}),
    ...(port ? { port } : {}),
    ...(portMax ? { portMax } : {}),
    flags: flagsOf(data.flags),
    ...((data.flags ?? 0) & natFlags.netmap ? { netmap: true as const } : {}),
  }
}

/** `masquerade`. Undefined when its ports are no constants. */
export const readMasquerade = (machine: Machine, data: Data<'masq'>): Statement | undefined => {
  const flags = flagsOf(data.flags)
  if (data.portMin === undefined) return { kind: 'masquerade', flags }
  const port = operandAt(machine, 'inet_service', data.portMin)
  const portMax = data.portMax === undefined ? undefined : operandAt(machine, 'inet_service', data.portMax)
  if (port === undefined) return undefined
  return { kind: 'masquerade', port, ...(portMax ? { portMax } : {}), flags }
}

/** `redirect`. Undefined when a register's content is not known. */
export const readRedirect = (machine: Machine, data: Data<'redir'>): Statement | undefined => {
  const flags = flagsOf(data.flags)
  if (data.portMin === undefined) return { kind: 'redirect', flags }
  const port = operandAt(machine, 'inet_service', data.portMin)
  const portMax = data.portMax === undefined ? undefined : operandAt(machine, 'inet_service', data.portMax)
  if (port === undefined) return undefined
  return { kind: 'redirect', port, ...(portMax ? { portMax } : {}), flags }
}

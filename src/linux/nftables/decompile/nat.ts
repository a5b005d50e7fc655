import type { Instruction } from '../expressions/index.ts'
import { natFlags } from '../expressions/nat.ts'
import type { Operand } from '../syntax/operand.ts'
import type { NatFlag, Statement } from '../syntax/statement.ts'
import type { Machine } from './machine.ts'
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
  silent = false,
): Operand | undefined => {
  const loaded = registers.at(register)
  return loaded && valueFor(packet, like(type), loaded, silent)
}

/** The kernel repeats the first register where there is no range. */
const isOther = (max: number | undefined, min: number | undefined): boolean =>
  max !== undefined && max !== min

/** `snat` and `dnat`. Undefined when a register's content is not known. */
export const readNat = (machine: Machine, data: Data<'nat'>): Statement | undefined => {
  const { type } = data
  // A rewrite of the port alone may be for both families, and then has that of the table.
  const family = data.family === 1 ? undefined : data.family
  if (typeof type !== 'string' || typeof family === 'number') return undefined
  const { registers } = machine
  for (const register of [data.addressMin, data.addressMax, data.portMin, data.portMax])
    if (register !== undefined && registers.around(register) === undefined) return undefined
  const addressType = family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr'
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
    ...(family === undefined ? {} : { family }),
    ...(address ? { address } : {}),
    ...(addressMax ? { addressMax } : {}),
    ...(port ? { port } : {}),
    ...(portMax ? { portMax } : {}),
    flags: flagsOf(data.flags),
    ...((data.flags ?? 0) & natFlags.netmap ? { netmap: true as const } : {}),
  }
}

/** `masquerade` and `redirect`. Undefined when a register's content is not known. */
export const readLocalNat = (
  machine: Machine,
  kind: 'masquerade' | 'redirect',
  data: Data<'masq'> | Data<'redir'>,
): Statement | undefined => {
  const flags = flagsOf(data.flags)
  if (data.portMin === undefined) return { kind, flags }
  // nft keeps what these ports imply: `meta l4proto tcp redirect to :tcp dport map …`.
  const port = operandAt(machine, 'inet_service', data.portMin, true)
  const portMax = isOther(data.portMax, data.portMin)
    ? operandAt(machine, 'inet_service', data.portMax, true)
    : undefined
  if (port === undefined) return undefined
  return { kind, port, ...(portMax ? { portMax } : {}), flags }
}

import type { SetState } from '../read/model.ts'
import type { Operand } from '../syntax/operand.ts'
import type { PacketKnowledge } from './packet.ts'
import type { Registers } from './registers.ts'
import { resolve } from './resolve.ts'

/** The state of reading a rule. */
export type Machine = {
  packet: PacketKnowledge
  registers: Registers
  sets: ReadonlyMap<string, SetState>
}

/** The key in a register, as long as a set's keys are. */
export const readKey = (
  { packet, registers }: Machine,
  register: number | undefined,
  bytes: number,
  silent = false,
): Operand | undefined => {
  const parts = registers.key(register, bytes)?.map(part => resolve(packet, part, silent).operand)
  const [only, ...more] = parts ?? []
  if (parts === undefined || only === undefined) return undefined
  return more.length === 0 ? only : { kind: 'concat', parts }
}

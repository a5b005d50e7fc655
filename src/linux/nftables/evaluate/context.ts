import type { HookName } from '../hook.ts'
import type { Table } from '../read/model.ts'
import type { Registers } from './registers.ts'
import type { State } from './state.ts'

/** Where an instruction runs: the hook and the table of its chain, the rule's registers, and the packet as it is by now. */
export type Context = {
  hook: HookName
  table: Table
  registers: Registers
  state: State
}

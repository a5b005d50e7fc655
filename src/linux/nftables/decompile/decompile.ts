import type { Instruction } from '../expressions/index.ts'
import type { Family } from '../family.ts'
import type { SetState } from '../read/model.ts'
import type { Statement } from '../syntax/statement.ts'
import { runLoad } from './loads.ts'
import { PacketKnowledge } from './packet.ts'
import { Registers } from './registers.ts'
import { readStatement } from './statements.ts'

/** What has to be known of a rule's table to read the rule: the sets say how long their keys are. */
export type TableContext = { family: Family; sets: readonly SetState[] }

/**
 * The statements of a rule, as nft would list them: without the tests that a later one implies. An instruction that
 * cannot be read becomes a statement of kind 'raw'; nothing is guessed, and nothing is thrown.
 */
export const decompile = (instructions: readonly Instruction[], context: TableContext): Statement[] => {
  const statements: Statement[] = []
  const packet = new PacketKnowledge(context.family, statements)
  const registers = new Registers()
  const sets = new Map(context.sets.map(set => [set.name, set]))
  for (const instruction of instructions) {
    if (runLoad(packet, registers, instruction)) continue
    if (readStatement({ packet, registers, sets }, instruction)) continue
    statements.push({ kind: 'raw', instruction })
    if (instruction.name !== 'match' && instruction.name !== 'target') registers.clear()
  }
  return statements
}

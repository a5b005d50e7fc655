import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'

/**
 * Packets that the rules of a tracing table have counted because too many came to be marked. 0 where the table is gone.
 * Throws what `Kernel.ruleset` throws.
 */
export const leftOutPackets = (kernel: Kernel, where: Where, table: string): number =>
  kernel
    .ruleset(where, { family: 'inet', table })
    .tables.flatMap(({ chains }) => chains)
    .flatMap(({ rules }) => rules)
    .flatMap(({ instructions }) => instructions)
    .reduce(
      (sum, instruction) =>
        instruction.name === 'counter' ? sum + Number(instruction.data?.packets ?? 0) : sum,
      0,
    )

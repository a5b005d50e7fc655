import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { leftOut } from '../walk/trace-rate.ts'

/** Packets that were not marked, as too many came. */
export type LeftOut = Record<keyof typeof leftOut, number>

/**
 * What the rules of a tracing table have counted. Nothing where the table is gone. Throws what `Kernel.ruleset` throws.
 * Equivalent to: `nft list table inet natspace-trace-PID`
 */
export const leftOutPackets = (kernel: Kernel, where: Where, table: string): LeftOut => {
  const rules = kernel
    .ruleset(where, { family: 'inet', table })
    .tables.flatMap(({ chains }) => chains)
    .flatMap(chain => chain.rules)
  const countOf = (comment: string): number =>
    rules
      .filter(rule => rule.comment === comment)
      .flatMap(({ instructions }) => instructions)
      .reduce(
        (sum, instruction) =>
          instruction.name === 'counter' ? sum + Number(instruction.data?.packets ?? 0) : sum,
        0,
      )
  return { beginnings: countOf(leftOut.beginnings), others: countOf(leftOut.others) }
}

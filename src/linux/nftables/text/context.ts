import type { Family } from '../family.ts'
import type { Chain, SetState } from '../read/model.ts'

/** What a text needs to know beside the rule itself. */
export type TextContext = {
  family: Family
  /** The table's sets, for those that are written in place and for the lengths of keys. */
  sets: readonly SetState[]
  /** The table's chains, for those that are written in place. */
  chains?: readonly Chain[]
  /** Names of interfaces by index (`iif "lo"`); without one the index is printed. */
  interfaceNames?: ReadonlyMap<number, string>
}

import type { Operand } from '../syntax/operand.ts'
import type { UserdataEntry } from '../userdata.ts'

/** The example that a set's key was declared by (`typeof ip saddr`), from nft's user data; undefined without one. */
export const readTypeof = (_userdata: readonly UserdataEntry[], _type: number): Operand[] | undefined =>
  undefined

import type { Instruction } from '../nftables/expressions/index.ts'
import type { ChainMessage } from '../nftables/messages/chain.ts'
import type { ElementAttributes } from '../nftables/messages/element.ts'
import type { RuleMessage } from '../nftables/messages/rule.ts'
import type { SetMessage } from '../nftables/messages/set.ts'
import type { TableMessage } from '../nftables/messages/table.ts'

export type FakeSet = {
  message: SetMessage
  /** By what makes them unique; an interval of one field is two elements. */
  entries: Map<string, ElementAttributes[]>
}

export type FakeChain = { message: ChainMessage; rules: RuleMessage[] }

export type FakeTable = {
  message: TableMessage
  sets: Map<string, FakeSet>
  chains: Map<string, FakeChain>
  /** Handles are unique in a table. */
  nextHandle: bigint
}

/** By family number and name. */
export type NetfilterState = { tables: Map<string, FakeTable>; nextTableHandle: bigint }

export const newState = (): NetfilterState => ({ tables: new Map(), nextTableHandle: 1n })

/** The chain that an instruction or an element leads to. */
export const chainNamed = (data: { verdict?: { chain?: string } } | undefined): string | undefined =>
  data?.verdict?.chain

/** The set that an instruction uses. */
export const setNamed = (instruction: Instruction): string | undefined =>
  instruction.name === 'lookup' || instruction.name === 'dynset' || instruction.name === 'objref'
    ? instruction.data.set
    : undefined

const instructionsOf = (table: FakeTable): Instruction[] =>
  [...table.chains.values()].flatMap(chain => chain.rules.flatMap(rule => rule.attributes.expressions ?? []))

export const isSetUsed = (table: FakeTable, name: string): boolean =>
  instructionsOf(table).some(instruction => setNamed(instruction) === name)

/** Whether a rule of another chain or an element leads to this chain. */
export const isChainUsed = (table: FakeTable, name: string): boolean =>
  instructionsOf(table).some(
    instruction => instruction.name === 'immediate' && chainNamed(instruction.data.data) === name,
  ) ||
  [...table.sets.values()].some(set =>
    [...set.entries.values()].flat().some(element => chainNamed(element.data) === name),
  )

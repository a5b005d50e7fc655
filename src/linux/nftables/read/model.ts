import type { Infer } from '../../netlink/codec.ts'
import type { ChainSpec } from '../batch/command.ts'
import type { Instruction } from '../expressions/index.ts'
import type { StatefulInstruction } from '../expressions/stateful.ts'
import type { Family } from '../family.ts'
import type { flowtableMessage } from '../messages/flowtable.ts'
import type { objectData } from '../messages/object.ts'
import type { SetElement } from '../sets/element.ts'
import type { NamedSet } from '../sets/named-set.ts'
import type { Operand } from '../syntax/operand.ts'

/** What the kernel holds, at one generation. */
export type Ruleset = { generation: number; tables: Table[] }

export type Table = {
  family: Family
  name: string
  handle: bigint
  flags: ('dormant' | 'owner' | 'persist')[]
  comment?: string
  /** Netlink port of the process that owns the table. */
  owner?: number
  sets: SetState[]
  objects: ObjectState[]
  flowtables: FlowtableState[]
  chains: Chain[]
}

export type Chain = ChainSpec & {
  handle: bigint
  /** Belongs to a verdict of one rule. */
  binding?: true
  offload?: true
  counters?: { packets: bigint; bytes: bigint }
  rules: RuleState[]
}

/** A rule as the kernel has it; `ruleText` prints it. */
export type RuleState = {
  handle: bigint
  instructions: Instruction[]
  /** The instructions as the kernel wrote them, where the rule was read from it. */
  encoded?: Uint8Array
  comment?: string
  userdata?: Uint8Array
}

/** A set as the kernel has it. What nft keeps only for itself (the datatypes) may be missing or foreign. */
export type SetState = NamedSet & {
  handle: bigint
  anonymous: boolean
  /** Bytes of a key and of a value. */
  keyBytes: number
  dataBytes?: number
  /** The key was declared by example: `typeof ip saddr`. */
  keyTypeof?: Operand[]
  dataTypeof?: Operand[]
  /** A map of intervals: a value is first and last. */
  dataInterval?: true
  /** Bytes per field of a concatenation, where the kernel keeps them. */
  fieldBytes?: number[]
  /** Type number of the objects in an object map. */
  objectType?: number
  gcInterval?: number
  /** Counters and the like that every new element gets. */
  stateful?: StatefulInstruction[]
  elements: SetElement[]
}

type ObjectData = typeof objectData

export type ObjectState = { name: string; handle: bigint; comment?: string } & (
  | { [K in keyof ObjectData]: { type: K; data: Infer<ObjectData[K]> } }[keyof ObjectData]
  | { type: 'other'; number: number; data: Uint8Array }
)

export type FlowtableState = {
  name: string
  handle: bigint
  hook: NonNullable<Infer<typeof flowtableMessage>['attributes']['hook']>
  flags: number
}

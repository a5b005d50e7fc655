/**
 * nf_tables natively: tables, chains, sets and rules as typed values; written in atomic batches, read from the kernel,
 * and printed as nft(8) prints them.
 * @module
 */
export type { ChainSpec, NftCommand } from './batch/command.ts'
export { commit, commitWithRetry } from './batch/commit.ts'
export { BatchError, BatchTooLargeError, GenerationChangedError, type Refusal } from './batch/errors.ts'
export { decodeGeneration, type Generation, readGeneration } from './batch/generation.ts'
export { compile } from './compile/compile.ts'
export { CompileError } from './compile/program.ts'
export type { Scalar } from './datatypes/datatype.ts'
export type { Instruction } from './expressions/index.ts'
export type { Family } from './family.ts'
export type { HookName } from './hook.ts'
export { netfilterProtocol as NETLINK_NETFILTER } from './messages/header.ts'
export type { Chain, FlowtableState, ObjectState, RuleState, Ruleset, SetState, Table } from './read/model.ts'
export { RulesetChangingError, type RulesetFilter, readElements, readRuleset } from './read/read-ruleset.ts'
export type { KeyField, SetElement, VerdictValue } from './sets/element.ts'
export { type NamedSet, namedSet } from './sets/named-set.ts'
export * from './syntax/operand.ts'
export * from './syntax/pattern.ts'
export * from './syntax/statement.ts'

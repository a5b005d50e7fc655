import { NLM_F } from '../netlink/message.ts'
import type { Instruction } from '../nftables/expressions/index.ts'
import { type ChainMessage, chainFlags } from '../nftables/messages/chain.ts'
import type { ElementsMessage } from '../nftables/messages/element.ts'
import type { RuleMessage } from '../nftables/messages/rule.ts'
import type { SetMessage } from '../nftables/messages/set.ts'
import type { TableMessage } from '../nftables/messages/table.ts'
import { type ErrnoName, refusal } from './errors.ts'
import { addElements, deleteElements } from './netfilter-elements.ts'
import { asKernelKeeps } from './netfilter-instruction.ts'
import {
  chainNamed,
  type FakeChain,
  type FakeSet,
  type FakeTable,
  isChainUsed,
  isSetUsed,
  type NetfilterState,
  setNamed,
} from './netfilter-state.ts'

/** One message of a batch: its name, flags and value. */
export type NetfilterMessage = { name: string; flags: number; value: unknown }

type Handlers = Record<string, (state: NetfilterState, flags: number, value: never) => void>

/** Carries out one message on the state. Throws NetlinkError as nf_tables refuses it. */
export const applyMessage = (state: NetfilterState, { name, flags, value }: NetfilterMessage): void => {
  const handler = handlers[name]
  if (handler === undefined) throw refusal(name, 'EOPNOTSUPP')
  handler(state, flags, value as never)
}

const keyOf = (family: number, name: string | undefined): string => `${family} ${name}`

const tableOf = (
  state: NetfilterState,
  operation: string,
  { header, attributes }: { header: { family: number }; attributes: { table?: string } },
): FakeTable => expect(state.tables.get(keyOf(header.family, attributes.table)), operation)

const expect = <T>(value: T | undefined, operation: string, code: ErrnoName = 'ENOENT'): T => {
  if (value === undefined) throw refusal(operation, code)
  return value
}

const newHandle = (table: FakeTable): bigint => table.nextHandle++

const newTable = (state: NetfilterState, flags: number, message: TableMessage): void => {
  const key = keyOf(message.header.family, message.attributes.name)
  const found = state.tables.get(key)
  if (found !== undefined) {
    if (flags & NLM_F.exclusive) throw refusal('NFT_MSG_NEWTABLE', 'EEXIST')
    if (message.attributes.flags !== undefined) found.message.attributes.flags = message.attributes.flags
    return
  }
  const handle = state.nextTableHandle++
  const attributes = { ...message.attributes, flags: message.attributes.flags ?? 0, handle }
  state.tables.set(key, {
    message: { ...message, attributes },
    sets: new Map(),
    chains: new Map(),
    nextHandle: 1n,
  })
}

const deleteTable = (state: NetfilterState, _flags: number, message: TableMessage): void => {
  const key = keyOf(message.header.family, message.attributes.name)
  if (!state.tables.delete(key)) throw refusal('NFT_MSG_DELTABLE', 'ENOENT')
}

const newChain = (state: NetfilterState, flags: number, message: ChainMessage): void => {
  const operation = 'NFT_MSG_NEWCHAIN'
  const table = tableOf(state, operation, message)
  const { name = '', hook, type, policy } = message.attributes
  const found = table.chains.get(name)
  if (found !== undefined) {
    if (flags & NLM_F.exclusive) throw refusal(operation, 'EEXIST')
    const { attributes } = found.message
    if (hook !== undefined && !isSameHook(attributes, message.attributes))
      throw refusal(operation, attributes.hook === undefined ? 'EEXIST' : 'EOPNOTSUPP')
    if (policy !== undefined) attributes.policy = policy
    return
  }
  if (hook !== undefined && type === 'nat') {
    // nat chains come after connection tracking, and nothing is translated while it is forwarded.
    if (hook.number === 2 || (hook.priority ?? 0) <= -200) throw refusal(operation, 'EOPNOTSUPP')
  }
  const attributes = {
    ...message.attributes,
    handle: newHandle(table),
    ...(hook === undefined ? {} : { flags: chainFlags.base, policy: policy ?? 1 }),
  }
  table.chains.set(name, { message: { ...message, attributes }, rules: [] })
}

const isSameHook = (one: ChainMessage['attributes'], other: ChainMessage['attributes']): boolean =>
  one.type === other.type &&
  one.hook?.number === other.hook?.number &&
  one.hook?.priority === other.hook?.priority

const deleteChain = (state: NetfilterState, _flags: number, message: ChainMessage): void => {
  const operation = 'NFT_MSG_DELCHAIN'
  const table = tableOf(state, operation, message)
  const { name = '' } = message.attributes
  expect(table.chains.get(name), operation).rules = []
  if (isChainUsed(table, name)) throw refusal(operation, 'EBUSY')
  table.chains.delete(name)
}

const newRule = (state: NetfilterState, flags: number, message: RuleMessage): void => {
  const operation = 'NFT_MSG_NEWRULE'
  const table = tableOf(state, operation, message)
  const { handle, position, expressions = [], ...rest } = message.attributes
  const chain = expect(table.chains.get(rest.chain ?? ''), operation)
  for (const instruction of expressions) checkInstruction(table, chain, instruction)
  const at = (wanted: bigint): number => {
    const index = chain.rules.findIndex(rule => rule.attributes.handle === wanted)
    if (index < 0) throw refusal(operation, 'ENOENT')
    return index
  }
  const attributes = { ...rest, handle: newHandle(table), expressions: expressions.map(asKernelKeeps) }
  const rule = { header: message.header, attributes }
  if (handle !== undefined) chain.rules.splice(at(handle), 1, rule)
  else if (flags & NLM_F.append)
    chain.rules.splice(position === undefined ? chain.rules.length : at(position) + 1, 0, rule)
  else chain.rules.splice(position === undefined ? 0 : at(position), 0, rule)
}

/** The hooks (by number) in which an instruction of NAT may stand. */
const natHooks = { masq: [4], redir: [0, 3], snat: [1, 4], dnat: [0, 3] } as const

const checkInstruction = (table: FakeTable, chain: FakeChain, instruction: Instruction): void => {
  const operation = 'NFT_MSG_NEWRULE'
  const set = setNamed(instruction)
  if (set !== undefined) expect(table.sets.get(set), operation)
  const target = instruction.name === 'immediate' ? chainNamed(instruction.data.data) : undefined
  if (target !== undefined) {
    const other = expect(table.chains.get(target), operation)
    if (other.message.attributes.hook !== undefined) throw refusal(operation, 'EOPNOTSUPP')
    if (other === chain) throw refusal(operation, 'ELOOP')
  }
  const { hook, type } = chain.message.attributes
  const kind =
    instruction.name === 'nat'
      ? instruction.data.type
      : instruction.name === 'masq' || instruction.name === 'redir'
        ? instruction.name
        : undefined
  const hooks: readonly number[] | undefined = natHooks[kind as keyof typeof natHooks]
  if (hooks === undefined || hook === undefined) return
  if (type !== 'nat' || !hooks.includes(hook.number ?? 0)) throw refusal(operation, 'EOPNOTSUPP')
}

const deleteRules = (state: NetfilterState, _flags: number, message: RuleMessage): void => {
  const operation = 'NFT_MSG_DELRULE'
  const table = tableOf(state, operation, message)
  const { chain: name, handle } = message.attributes
  const chains = name === undefined ? [...table.chains.values()] : [expect(table.chains.get(name), operation)]
  for (const chain of chains) {
    const rest = handle === undefined ? [] : chain.rules.filter(rule => rule.attributes.handle !== handle)
    if (handle !== undefined && rest.length === chain.rules.length) throw refusal(operation, 'ENOENT')
    chain.rules = rest
  }
}

const newSet = (state: NetfilterState, flags: number, message: SetMessage): void => {
  const operation = 'NFT_MSG_NEWSET'
  const table = tableOf(state, operation, message)
  const { id: _, name = '', ...rest } = message.attributes
  const found = table.sets.get(name)
  if (found !== undefined) {
    if (flags & NLM_F.exclusive || !isSameSet(found, message)) throw refusal(operation, 'EEXIST')
    return
  }
  const attributes = { ...rest, name, flags: rest.flags ?? 0, handle: newHandle(table) }
  table.sets.set(name, { message: { ...message, attributes }, entries: new Map() })
}

const isSameSet = ({ message: { attributes: one } }: FakeSet, { attributes: other }: SetMessage): boolean =>
  (['keyType', 'keyLength', 'dataType', 'dataLength'] as const).every(key => one[key] === other[key]) &&
  (one.flags ?? 0) === (other.flags ?? 0)

const deleteSet = (state: NetfilterState, _flags: number, message: SetMessage): void => {
  const operation = 'NFT_MSG_DELSET'
  const table = tableOf(state, operation, message)
  const { name = '' } = message.attributes
  expect(table.sets.get(name), operation)
  if (isSetUsed(table, name)) throw refusal(operation, 'EBUSY')
  table.sets.delete(name)
}

const newElements = (state: NetfilterState, flags: number, message: ElementsMessage): void => {
  const operation = 'NFT_MSG_NEWSETELEM'
  const table = tableOf(state, operation, message)
  const set = expect(table.sets.get(message.attributes.set ?? ''), operation)
  const elements = message.attributes.elements ?? []
  for (const element of elements) {
    const chain = chainNamed(element.data)
    if (chain !== undefined) expect(table.chains.get(chain), operation)
  }
  addElements(set, elements, (flags & NLM_F.exclusive) !== 0)
}

const removeElements = (state: NetfilterState, _flags: number, message: ElementsMessage): void => {
  const operation = 'NFT_MSG_DELSETELEM'
  const table = tableOf(state, operation, message)
  const set = expect(table.sets.get(message.attributes.set ?? ''), operation)
  if (message.attributes.elements === undefined) set.entries.clear()
  else deleteElements(set, message.attributes.elements)
}

const handlers: Handlers = {
  NFT_MSG_NEWTABLE: newTable,
  NFT_MSG_DELTABLE: deleteTable,
  NFT_MSG_NEWCHAIN: newChain,
  NFT_MSG_DELCHAIN: deleteChain,
  NFT_MSG_NEWRULE: newRule,
  NFT_MSG_DELRULE: deleteRules,
  NFT_MSG_NEWSET: newSet,
  NFT_MSG_DELSET: deleteSet,
  NFT_MSG_NEWSETELEM: newElements,
  NFT_MSG_DELSETELEM: removeElements,
}

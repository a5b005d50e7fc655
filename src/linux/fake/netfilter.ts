import type { Change } from '../change.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { Writer } from '../netlink/writer.ts'
import type { NftCommand } from '../nftables/batch/command.ts'
import { encodeCommand } from '../nftables/batch/encode-command.ts'
import { BatchError, GenerationChangedError, type Refusal } from '../nftables/batch/errors.ts'
import { familyNumber } from '../nftables/family.ts'
import { isAddressList } from '../nftables/read/address-list.ts'
import { toChain, toRule, toSet, toTable } from '../nftables/read/decode.ts'
import type { Ruleset, Table } from '../nftables/read/model.ts'
import type { RulesetFilter } from '../nftables/read/read-ruleset.ts'
import { decodeElements } from '../nftables/sets/decode-elements.ts'
import { applyMessage } from './netfilter-apply.ts'
import { type FakeTable, type NetfilterState, newState } from './netfilter-state.ts'

/**
 * nf_tables of one namespace. Theory of operation: commands are encoded to the very messages that the kernel would get,
 * decoded again, and kept as messages; reading makes values of them by the same functions as from the kernel's. So what
 * is read is in the form in which the kernel gives it. A batch works on a copy, which replaces the state when no
 * message was refused.
 */
export class FakeNetfilter {
  #state: NetfilterState = newState()
  #generation = 1

  get generation(): number {
    return this.#generation
  }

  /** Throws BatchError, GenerationChangedError; EncodeError, RangeError, CompileError for what cannot be encoded. */
  commit(commands: readonly NftCommand[], generation: number | undefined): void {
    if (commands.length === 0) return
    let setId = 0
    const messages = commands.flatMap(command =>
      encodeCommand(command, () => ++setId).map(({ name, flags, schema, value }) => {
        const writer = new Writer(1024)
        schema.encode(writer, value)
        const { bytes } = writer
        return { command, name, flags, value: schema.decode(bytes, 0, bytes.length) }
      }),
    )
    if (generation !== undefined && generation !== this.#generation)
      throw new GenerationChangedError(generation)
    const state = structuredClone(this.#state)
    const refusals: Refusal[] = []
    for (const { command, ...message } of messages)
      try {
        applyMessage(state, message)
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error
        refusals.push({ command, error })
      }
    const [first] = refusals
    if (first !== undefined) throw new BatchError(first.error, first.command, refusals)
    this.#state = state
    this.#generation++
  }

  /** Deletes the rules of a chain with this comment; none, and no chain, is no error. */
  deleteRules({ family, table, chain, comment }: Extract<Change, { type: 'nftables.delete-rules' }>): void {
    const rules =
      this.read({ family, table }).tables[0]?.chains.find(({ name }) => name === chain)?.rules ?? []
    const handles = rules.filter(rule => rule.comment === comment).map(rule => rule.handle)
    this.commit(
      handles.map(handle => ({ type: 'rule.delete', family, table, chain, handle })),
      undefined,
    )
  }

  read({ family, table: name, elements, only }: RulesetFilter = {}): Ruleset {
    const tables = [...this.#state.tables.values()]
      .filter(
        ({ message }) =>
          (family === undefined || message.header.family === familyNumber(family)) &&
          (name === undefined || message.attributes.name === name),
      )
      .flatMap(
        table =>
          readTable(table, only === 'chains' ? 'chains' : elements === 'counted' || (elements ?? true)) ?? [],
      )
    return { generation: this.#generation, tables: structuredClone(tables) }
  }
}

/** A table whole, without the elements of its sets or of some of them, or with nothing but its chains. */
const readTable = (table: FakeTable, what: boolean | 'without-addresses' | 'chains'): Table | undefined => {
  const value = toTable(table.message)
  if (value === undefined) return undefined
  if (what === 'chains')
    return { ...value, chains: [...table.chains.values()].map(({ message }) => toChain(message)) }
  return {
    ...value,
    sets: [...table.sets.values()].map(({ message, entries }) => {
      const set = toSet(message)
      const isRead = what === 'without-addresses' ? !isAddressList(set) : what
      return isRead ? { ...set, elements: decodeElements(set, [...entries.values()].flat()) } : set
    }),
    chains: [...table.chains.values()].map(({ message, rules }) => ({
      ...toChain(message),
      rules: rules.map(toRule),
    })),
  }
}

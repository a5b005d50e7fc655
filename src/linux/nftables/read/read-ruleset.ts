import type { Codec } from '../../netlink/codec.ts'
import { type Connection, type Request, request } from '../../netlink/connection.ts'
import { NetlinkError } from '../../netlink/errors.ts'
import type { Message } from '../../netlink/message.ts'
import { errno } from '../../sys/errno.ts'
import { pause } from '../../sys/pause.ts'
import { readGeneration } from '../batch/generation.ts'
import { type Family, familyName } from '../family.ts'
import { chainMessage } from '../messages/chain.ts'
import { elementsMessage } from '../messages/element.ts'
import { flowtableMessage } from '../messages/flowtable.ts'
import { headerOf, type MessageName, messageTypes } from '../messages/header.ts'
import { objectMessage } from '../messages/object.ts'
import { listedRuleMessage, ruleMessage } from '../messages/rule.ts'
import { type SetMessage, setMessage } from '../messages/set.ts'
import { tableMessage } from '../messages/table.ts'
import { decodeElements } from '../sets/decode-elements.ts'
import { isAddressList } from './address-list.ts'
import { toChain, toFlowtable, toListedRule, toObject, toSet, toTable } from './decode.ts'
import type { Ruleset, SetState, Table } from './model.ts'

/**
 * Theory of operation. The kernel gives tables, chains, sets, elements and rules each as a list of its own. They belong
 * together only if nobody changed the ruleset in between, so the generation is asked for before and after; if it is
 * not the same, everything is read again. With a table's name the kernel is asked for the content of that table alone
 * (of chains it can only filter the family).
 */

export type RulesetFilter = {
  family?: Family
  /** Only this table; needs a family. */
  table?: string
  /**
   * false: leave the sets empty; 'without-addresses': leave lists of addresses empty, which can be very long; 'counted': do not
   * ask for the elements of a set of which the kernel says that it has none, though it may have one for everything else (`*`).
   */
  elements?: boolean | 'without-addresses' | 'counted'
  /** 'chains': tables and their chains, without rules, sets and all else. */
  only?: 'chains'
}

/** The ruleset changed each time while it was read. */
export class RulesetChangingError extends Error {
  override readonly name = 'RulesetChangingError'
  readonly attempts: number

  constructor(attempts: number) {
    super(`The ruleset changed while it was read, ${attempts} times in a row`)
    this.attempts = attempts
  }
}

const readAttempts = 10

/**
 * The ruleset of the connection's namespace, or a part of it, all of one generation. A table that does not exist gives
 * no tables. Throws RulesetChangingError, NetlinkError, DumpInterruptedError, DecodeError.
 * Equivalent to: `nft list ruleset`, `nft list table FAMILY TABLE`
 */
export const readRuleset = (connection: Connection, filter: RulesetFilter = {}): Ruleset => {
  for (let attempt = 1; attempt <= readAttempts; attempt++) {
    const before = readGeneration(connection).id
    const tables = readOnce(connection, filter)
    if (tables !== undefined && readGeneration(connection).id === before)
      return { generation: before, tables }
  }
  throw new RulesetChangingError(readAttempts)
}

const get = <H, A>(name: MessageName, schema: Message<H, A>, value: { header: H; attributes: A }): Request =>
  request(name, messageTypes[name], 0, schema, value)

/** Undefined when something vanished while it was read. */
const readOnce = (connection: Connection, filter: RulesetFilter): Table[] | undefined => {
  const header = headerOf(filter.family)
  const name = filter.table
  const tables = readTables(connection, filter)
  if (tables.length === 0) return tables
  const byKey = new Map<string, Table>(tables.map(table => [`${table.family} ${table.name}`, table]))
  const tableOf = (message: { header: { family: number } }, table: string | undefined) =>
    byKey.get(`${familyName(message.header.family)} ${table}`)
  const dump = <V>(item: Request, schema: Codec<V>): V[] => connection.dump(item, schema)
  try {
    const only = name === undefined ? {} : { table: name }
    for (const message of dump(
      get('NFT_MSG_GETCHAIN', chainMessage, { header, attributes: {} }),
      chainMessage,
    ))
      tableOf(message, message.attributes.table)?.chains.push(toChain(message))
    if (filter.only === 'chains') return tables
    const empty = new Set<SetState>()
    for (const message of dump(get('NFT_MSG_GETSET', setMessage, { header, attributes: only }), setMessage)) {
      const set = toSet(message)
      if (saysItIsEmpty(message, set)) empty.add(set)
      tableOf(message, message.attributes.table)?.sets.push(set)
    }
    for (const message of dump(
      get('NFT_MSG_GETOBJ', objectMessage, { header, attributes: only }),
      objectMessage,
    ))
      tableOf(message, message.attributes.table)?.objects.push(toObject(message))
    for (const message of dump(
      get('NFT_MSG_GETFLOWTABLE', flowtableMessage, { header, attributes: only }),
      flowtableMessage,
    ))
      tableOf(message, message.attributes.table)?.flowtables.push(toFlowtable(message))
    const chains = new Map<string, Table['chains'][number]>(
      tables.flatMap(table =>
        table.chains.map(chain => [`${table.family} ${table.name} ${chain.name}`, chain] as const),
      ),
    )
    for (const message of dump(
      get('NFT_MSG_GETRULE', ruleMessage, { header, attributes: only }),
      listedRuleMessage,
    )) {
      const { table, chain } = message.attributes
      chains.get(`${familyName(message.header.family)} ${table} ${chain}`)?.rules.push(toListedRule(message))
    }
    if (filter.elements !== false)
      for (const table of tables)
        for (const set of table.sets)
          if (!isLeftOut(set, filter, empty))
            set.elements = readElements(connection, table.family, table.name, set)
    return tables
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === errno.ENOENT) return undefined
    throw error
  }
}

/** A tree of intervals counts both ends of each, and halves the sum: an interval without an end makes it too small. */
const saysItIsEmpty = ({ attributes }: SetMessage, { flags, key }: SetState): boolean =>
  attributes.count === 0 && (!flags?.interval || key.length > 1)

const isLeftOut = (set: SetState, { elements }: RulesetFilter, empty: ReadonlySet<SetState>): boolean =>
  (elements === 'without-addresses' && isAddressList(set)) || (elements === 'counted' && empty.has(set))

const readTables = (connection: Connection, { family, table: name }: RulesetFilter): Table[] => {
  const header = headerOf(family)
  if (name === undefined)
    return connection
      .dump(get('NFT_MSG_GETTABLE', tableMessage, { header, attributes: {} }), tableMessage)
      .flatMap(message => toTable(message) ?? [])
  try {
    const [replies] = connection.execute([
      get('NFT_MSG_GETTABLE', tableMessage, { header, attributes: { name } }),
    ])
    return (replies ?? []).flatMap(
      ({ payload }) => toTable(tableMessage.decode(payload, 0, payload.length)) ?? [],
    )
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === errno.ENOENT) return []
    throw error
  }
}

/**
 * The elements of one set. A hash table that the kernel makes larger while it is walked, as happens for a moment after
 * many elements came, gives some of them twice, and leaves out as many others (rhashtable_walk_next); then it is read
 * again. Throws RulesetChangingError where that does not end, and what reading throws.
 * Equivalent to: `nft list set FAMILY TABLE SET`
 */
export const readElements = (
  connection: Connection,
  family: Family,
  table: string,
  set: SetState,
): SetState['elements'] => {
  const item = get('NFT_MSG_GETSETELEM', elementsMessage, {
    header: headerOf(family),
    attributes: { table, set: set.name },
  })
  for (let attempt = 1; attempt <= readAttempts; attempt++) {
    const raw = connection.dump(item, elementsMessage).flatMap(message => message.attributes.elements ?? [])
    const elements = decodeElements(set, raw)
    if (!hasRepeats(set, elements)) return elements
    pause(attempt)
  }
  throw new RulesetChangingError(readAttempts)
}

/** Ends of intervals may be the beginnings of others; in other sets each key is there once. */
const hasRepeats = ({ flags }: SetState, elements: SetState['elements']): boolean =>
  !flags?.interval && new Set(elements.map(({ key }) => key.join(' . '))).size < elements.length

import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { Connection } from '../../linux/netlink/connection.ts'
import {
  BatchError,
  type ChainSpec,
  commit,
  goTo,
  NETLINK_NETFILTER,
  type NftCommand,
  rule,
  type Statement,
  type Table,
} from '../../linux/nftables/index.ts'
import { openNamespace } from '../../linux/sys/namespace.ts'
import { type MarkRate, marks } from './trace-rate.ts'
import { connectionConditions } from './traced-connection.ts'
import { type TracedFlow, traceConditions } from './traced-flow.ts'

/**
 * Theory of operation. The kernel tells of a packet's way through all rules of all tables once a rule has said `meta
 * nftrace set 1` for it. We say it in a table of our own, in chains that come before all others, and only for the flows
 * that are asked for. The table changes no packet and decides nothing: its chains accept what they see, without a mark.
 *
 * The same table has a first and a last chain at every hook. They are empty, but the kernel reports a packet's headers
 * when it comes to a chain: so it is seen at every hook, whether others have rules there or not, and before and after
 * each translation, that of the source too.
 *
 * What a packet's own header does not tell, its connection may: the answer of a flow of which both ends are translated bears
 * neither of them. So behind connection tracking, and still in front of every translation, packets are marked a second time,
 * by the tuples of their connection. One that is marked here first was not seen in chains of the priority raw.
 *
 * It belongs to the socket that made it (NFT_TABLE_F_OWNER, since Linux 5.12): the kernel removes it when the socket is
 * closed, however this process ends, and nobody else can change it; `nft flush ruleset` passes it over. An older kernel
 * refuses the flag: there the table is removed by us, or, when we were killed, at the next start.
 */

/** In front of everything known: Linux's first priority with a name is -450, before fragments are put together. */
const firstPriority = -500
/** Behind everything but what connection tracking does last (INT_MAX). */
const lastPriority = 2_147_483_646

/** Right behind connection tracking (NF_IP_PRI_CONNTRACK, -200), and in front of what comes there next. */
const trackedPriority = -199

const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const

/** Chains that mark by the header, and those that do so by the connection. */
const flowsChain = 'flows'
const markChain = 'traced'
const connectionsChain = 'connections'
const markTrackedChain = 'recognised'

const tableNamePattern = /^natspace-trace-(\d+)(?:-\d+)?$/
/** Of our tables without an owner: what may be removed when its process is gone. */
const tableComment = 'natspace: trace'

/** Whether a table is one of ours for tracing, of whichever process. */
export const isTraceTable = ({ family, name }: Pick<Table, 'family' | 'name'>): boolean =>
  family === 'inet' && tableNamePattern.test(name)

/** The base chain from which a packet came to be marked: only what came in by an interface was not sent from here. */
export const entryChain = (chain: string, hasInput: boolean): string | undefined => {
  const hook = hasInput ? 'prerouting' : 'output'
  if (chain === markChain) return `${hook}-first`
  return chain === markTrackedChain ? `${hook}-tracked` : undefined
}

/** Whether a packet that comes to a chain of ours was marked before it: a new one never tells of this chain first. */
export const isBehindMark = (chain: string): boolean => chain.endsWith('-tracked')

/** Whether a chain of ours is the last at its hook. */
export const observesEnd = (chain: string | undefined): boolean => chain?.endsWith('-last') ?? false

/** What a packet has to meet, each a list of statements of which all must match. */
export type MarkConditions = readonly (readonly Statement[])[]

export type TraceTableOptions = {
  /** Flows that are traced. */
  flows: readonly TracedFlow[]
  /**
   * Recognise their packets by their connection too. It makes the kernel track the connections of the namespace, so it is
   * for one in which they are tracked anyway.
   */
  byConnection?: boolean
  /** Further packets: by what they bear when they come in or are sent, and by their connection. */
  also?: { early: MarkConditions; tracked?: MarkConditions }
  /** At most so many packets are marked (default: all). */
  rate?: MarkRate
}

let made = 0

/** The tracing table of one namespace. Opened by `TraceTable.open`; gone when it is disposed of, or with this process. */
export class TraceTable implements Disposable {
  readonly name: string
  /** Whether the kernel removes it by itself. */
  readonly isOwned: boolean
  readonly #connection: Connection

  private constructor(connection: Connection, name: string, isOwned: boolean) {
    this.#connection = connection
    this.name = name
    this.isOwned = isOwned
  }

  /**
   * Makes the table in a namespace, and removes what a killed process may have left there. Throws BatchError (EPERM
   * without CAP_NET_ADMIN over the namespace; EOPNOTSUPP without nf_tables), NamespaceError, SystemError.
   * Equivalent to: `nft add table inet natspace-trace-PID '{ flags owner; }'`, with chains and rules
   */
  static open(kernel: Kernel, where: Where, options: TraceTableOptions): TraceTable {
    removeLeftTraceTables(kernel, where)
    const connection = connect(where)
    try {
      // Several traces of one process may meet in one namespace, so each has a number.
      const name = `natspace-trace-${process.pid}-${++made}`
      return new TraceTable(connection, name, create(connection, name, options))
    } catch (error) {
      connection[Symbol.dispose]()
      throw error
    }
  }

  /** Removes the table. Throws BatchError, where there is no owner, when it cannot be removed. */
  [Symbol.dispose](): void {
    try {
      if (!this.isOwned) commit(this.#connection, [deletion(this.name)])
    } catch (error) {
      if (!(error instanceof BatchError && error.code === 'ENOENT')) throw error
    } finally {
      this.#connection[Symbol.dispose]()
    }
  }
}

const connect = (where: Where): Connection => {
  if (where === undefined) return Connection.open(NETLINK_NETFILTER)
  using namespace = openNamespace(where)
  return Connection.open(NETLINK_NETFILTER, { namespace: namespace.number })
}

/** Makes the table; returns whether it belongs to the connection. */
const create = (connection: Connection, name: string, options: TraceTableOptions): boolean => {
  try {
    commit(connection, traceTableCommands(name, options, true))
    return true
  } catch (error) {
    if (!isFlagRefused(error)) throw error
    commit(connection, traceTableCommands(name, options, false))
    return false
  }
}

/** Kernels before 5.12 answer EINVAL to a flag that they do not know. */
const isFlagRefused = (error: unknown): boolean =>
  error instanceof BatchError && error.code === 'EINVAL' && error.command?.type === 'table.create'

/** The commands that make the table. Pure. */
export const traceTableCommands = (
  name: string,
  { flows, byConnection = false, also, rate }: TraceTableOptions,
  isOwned: boolean,
): NftCommand[] => {
  const place = { family: 'inet', table: name } as const
  const chain = (spec: ChainSpec): NftCommand => ({ type: 'chain.add', ...place, chain: spec })
  const base = (hook: (typeof hooks)[number], part: string, priority: number): NftCommand =>
    chain({ name: `${hook}-${part}`, hook, type: 'filter', priority, policy: 'accept' })
  const add = (to: string, statements: readonly Statement[], comment?: string): NftCommand => ({
    type: 'rule.add',
    ...place,
    chain: to,
    rule: rule([...statements], comment),
  })
  const ways = [
    { part: 'first', from: flowsChain, mark: markChain, conditions: also?.early ?? [] },
    ...(byConnection
      ? [
          {
            part: 'tracked',
            from: connectionsChain,
            mark: markTrackedChain,
            conditions: also?.tracked ?? [],
          },
        ]
      : []),
  ]
  return [
    { type: 'table.create', ...place, comment: tableComment, ...(isOwned ? { flags: ['owner'] } : {}) },
    ...ways.flatMap(({ from, mark }) => [chain({ name: mark }), chain({ name: from })]),
    ...hooks.flatMap(hook => [
      base(hook, 'first', firstPriority),
      ...(byConnection && isEntrance(hook) ? [base(hook, 'tracked', trackedPriority)] : []),
      base(hook, 'last', lastPriority),
    ]),
    ...ways.flatMap(({ part, from, mark, conditions }) => [
      ...hooks
        .filter(isEntrance)
        .map(hook => add(`${hook}-${part}`, [{ kind: 'verdict', verdict: 'jump', chain: from }])),
      ...marks(rate, { byConnection, isTracked: mark === markTrackedChain }).map(({ statements, comment }) =>
        add(mark, statements, comment),
      ),
      ...conditions.map(condition => add(from, [...condition, goTo(mark)])),
    ]),
    ...flowRules(name, flows, byConnection),
  ]
}

const isEntrance = (hook: string): boolean => hook === 'prerouting' || hook === 'output'

const flowRules = (name: string, flows: readonly TracedFlow[], byConnection: boolean): NftCommand[] => {
  const rules = (chain: string, mark: string, conditions: MarkConditions): NftCommand[] =>
    conditions.map(condition => ({
      type: 'rule.add',
      family: 'inet',
      table: name,
      chain,
      rule: rule([...condition, goTo(mark)]),
    }))
  return flows.flatMap(flow => [
    ...rules(flowsChain, markChain, traceConditions(flow)),
    ...(byConnection ? rules(connectionsChain, markTrackedChain, connectionConditions(flow)) : []),
  ])
}

const deletion = (table: string): NftCommand => ({ type: 'table.delete', family: 'inet', table })

/**
 * Removes tracing tables without an owner whose process is gone; returns their names. Those with an owner went with it.
 * Throws BatchError. Equivalent to: `nft delete table inet natspace-trace-PID`
 */
export const removeLeftTraceTables = (kernel: Kernel, where: Where): string[] => {
  const left = leftTraceTables(kernel, where)
  if (left.length === 0) return []
  using connection = connect(where)
  for (const name of left)
    try {
      commit(connection, [deletion(name)])
    } catch (error) {
      // Another process that starts at this moment has removed it first.
      if (!(error instanceof BatchError && error.code === 'ENOENT')) throw error
    }
  return left
}

/** Names of the tracing tables that removeLeftTraceTables would remove. */
export const leftTraceTables = (kernel: Kernel, where: Where): string[] =>
  kernel
    .ruleset(where, { family: 'inet', only: 'chains' })
    .tables.filter(table => isTraceTable(table) && isLeft(kernel, table))
    .map(({ name }) => name)

const isLeft = (kernel: Kernel, { name, comment, flags }: Table): boolean => {
  const process = tableNamePattern.exec(name)?.[1]
  return (
    comment === tableComment &&
    !flags.includes('owner') &&
    kernel.readFolder(`/proc/${process}`) === undefined
  )
}

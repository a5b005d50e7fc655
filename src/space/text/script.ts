import type { Change } from '../../linux/change.ts'
import type { IpFamily } from '../../linux/net/ip.ts'
import type { NftCommand } from '../../linux/nftables/index.ts'
import { tableName } from '../marks.ts'
import type { Operation } from '../reconcile/operation.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { type StepName, stepOf } from '../steps.ts'
import {
  type GuardedLinks,
  type IptablesAction,
  iptablesNoRouterGuard,
  iptablesOf,
  iptablesRouterGuard,
  iptablesShared,
} from './iptables.ts'
import { isSeen, shellCommand, shellComment } from './quote-shell.ts'
import { hereDocument, nftText, shellOf } from './shell.ts'

/**
 * Theory of operation. A plan as a script for sh: one paragraph an operation, in the same order, with the reason as a
 * comment. The dialects differ in the firewall only: `shell` has one nft command for each change, `nft` has all of them
 * in one atomic script, `iptables` has rules equal in effect instead.
 */
export type Dialect = 'shell' | 'nft' | 'iptables'

/**
 * What a script is made from. `spaces` are those whose rules iptables is to add, or to remove; `former` is what those
 * that are there already were until now.
 */
export type ScriptSource = {
  title: string
  operations: readonly Operation[]
  spaces: readonly ResolvedSpace[]
  former?: readonly ResolvedSpace[]
  action: IptablesAction
  /** Families with a router guard, which goes with the table when the last space is removed. */
  guarded?: readonly IpFamily[]
}

const ownState = 'The files of natspace itself (its records and folders) have no command and are left out.'

/** The lines of the script. Run by sh as root where the plan was made, it does what natspace would. */
export const scriptOf = (source: ScriptSource, dialect: Dialect): string[] => [
  '#!/bin/sh',
  ...shellComment(source.title),
  ...shellComment(ownState),
  'set -e',
  ...paragraphs(source, dialect),
  ...(source.operations.length === 0 ? ['', '# Nothing to do.'] : []),
]

/** What a dialect says all at once: iptables has no say in what is added to tables of others with --fix-firewall. */
const isTogether = (change: Change, dialect: Dialect): boolean => {
  switch (dialect) {
    case 'shell':
      return false
    case 'nft':
      return change.type === 'nftables.commit' || change.type === 'nftables.delete-rules'
    case 'iptables':
      return change.type === 'nftables.commit' && change.commands.some(({ table }) => table === tableName)
  }
}

/**
 * For iptables what makes others accept comes before our rules: they may share a chain, and what refuses is put in front
 * of what is there by then. A table of our own needs no such order.
 */
const inOrder = (
  { operations, action }: ScriptSource,
  firewall: ReadonlySet<Operation>,
  dialect: Dialect,
): readonly Operation[] => {
  const first = operations.findIndex(operation => firewall.has(operation))
  if (dialect !== 'iptables' || action === 'remove' || first < 0) return operations
  const isForeign = (operation: Operation) =>
    !firewall.has(operation) &&
    ['nftables.commit', 'nftables.delete-rules', 'program.run'].includes(operation.change.type)
  return [
    ...operations.slice(0, first),
    ...operations.filter((operation, index) => index >= first && isForeign(operation)),
    ...operations.filter((operation, index) => index >= first && !isForeign(operation)),
  ]
}

const paragraphs = (source: ScriptSource, dialect: Dialect): string[] => {
  const firewall = new Set(source.operations.filter(({ change }) => isTogether(change, dialect)))
  let isFirstFirewall = true
  let step: StepName | undefined
  const lines: string[] = []
  for (const operation of inOrder(source, firewall, dialect)) {
    const isPart = firewall.has(operation)
    if (isPart && !isFirstFirewall) continue
    if (isPart) isFirstFirewall = false
    const commands = isPart ? together(source, [...firewall], dialect) : shellOf(operation.change)
    if (commands.length === 0) continue
    if (isPart) lines.push('', '# The firewall: guard, translation, published ports, and what may pass.')
    else if (step !== operation.step) lines.push('', ...heading(operation.step))
    step = isPart ? undefined : operation.step
    lines.push(...commands)
  }
  return lines
}

const heading = (step: StepName): string[] => {
  const { number, title, why } = stepOf(step)
  return [...shellComment(`${number === undefined ? '' : `Step ${number}: `}${title}`), ...shellComment(why)]
}

const together = (source: ScriptSource, firewall: readonly Operation[], dialect: Dialect): string[] =>
  dialect === 'nft' ? [...oneBatch(firewall)] : iptablesInstead(source, firewall)

/** Rules that have to be looked up by their comment cannot be part of a batch: they come behind it. */
const oneBatch = (firewall: readonly Operation[]): string[] => {
  const commands = firewall.flatMap(({ change }) =>
    change.type === 'nftables.commit' ? change.commands : [],
  )
  const others = firewall.filter(({ change }) => change.type !== 'nftables.commit')
  const batch = commands.length === 0 ? [] : [nftScript(commands.map(nftText))]
  return [...batch, ...others.flatMap(({ change }) => shellOf(change))]
}

/** A name with characters that a terminal would obey has to be spelt for it, which a here-document cannot. */
const nftScript = (lines: readonly string[]): string =>
  lines.every(isSeen)
    ? hereDocument('nft -f -', lines)
    : `${shellCommand('printf', '%s\\n', ...lines)} | nft -f -`

/** A space whose elements change loses all its rules and gets those of now. */
const iptablesInstead = (
  { spaces, former = [], action, guarded = [] }: ScriptSource,
  firewall: readonly Operation[],
): string[] => {
  const commands = firewall.flatMap(({ change }) =>
    change.type === 'nftables.commit' ? change.commands : [],
  )
  const isFirst = commands.some(({ type }) => type === 'table.add')
  const isLast = commands.some(({ type }) => type === 'table.delete')
  const names = new Set(firewall.map(({ space }) => space))
  const isChanged = (space: ResolvedSpace) => isFirst || isLast || names.has(space.name)
  const changed = spaces.filter(isChanged)
  if (action === 'remove') {
    const families = isLast ? guarded : []
    return [
      ...iptablesOf(changed, action),
      ...iptablesNoRouterGuard(families),
      ...iptablesShared(changed, action, families),
    ]
  }
  return [
    ...(isFirst ? [] : iptablesOf(former.filter(isChanged), 'remove')),
    ...iptablesShared(changed, action),
    ...iptablesOf(changed, action),
    ...([4, 6] as const).flatMap(family => iptablesRouterGuard(family, putUnderGuard(commands, family))),
  ]
}

/** The links that the batch puts under the router guard. */
const putUnderGuard = (commands: readonly NftCommand[], family: IpFamily): GuardedLinks => {
  const namesIn = (set: string) =>
    commands.flatMap(command =>
      command.type === 'element.add' && command.set.name === set
        ? command.elements.map(({ key }) => String(key[0]))
        : [],
    )
  return {
    links: namesIn(`preexisting${family}`),
    forwarding: namesIn(`forwarding${family}`),
    bridges: namesIn('bridges'),
  }
}

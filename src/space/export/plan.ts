import type { Change } from '../../linux/change.ts'
import type { NftCommand } from '../../linux/nftables/index.ts'
import { spaceOfComment, tableName } from '../marks.ts'
import { forwardedOf } from '../reconcile/desired.ts'
import type { Operation } from '../reconcile/operation.ts'
import type { Context } from '../reconcile/types.ts'
import { planUp } from '../reconcile/up.ts'
import type { ResolvedSpace, SpaceSpec } from '../spec/types.ts'
import { withoutSpaces } from './without-spaces.ts'

/** Everything that makes spaces on this host, and whose it is to be. */
export type ExportPlan = {
  /** Stands in the place of natspace in what has to have a name: `space-web`. */
  owner: string
  spaces: ResolvedSpace[]
  operations: Operation[]
}

const hostForwarding = 'net.ipv4.ip_forward'

/**
 * The operations that make spaces from nothing, without the marks of natspace: what is made by others with the same
 * commands must not be taken for its own. Throws NatspaceError as `up` does.
 */
export const exportPlan = (context: Context, specs: readonly SpaceSpec[]): ExportPlan => {
  const names = specs.map(spec => spec.name)
  const owner = names.length === 1 ? `space-${names[0]}` : 'spaces'
  const kernel = withoutSpaces(context.kernel, context.paths, names)
  const { spaces, operations } = planUp({ ...context, kernel }, specs)
  return {
    owner,
    spaces,
    operations: [
      ...operations.flatMap(item => unmarked(item, owner)),
      ...(forwardedOf(spaces).ipv4 ? forwarded(operations) : []),
    ],
  }
}

/** Where this host forwards by itself it may have to be told so by the next boot, and nobody may turn it off again. */
const forwarded = (operations: readonly Operation[]): Operation[] => {
  const turned = operations.some(
    ({ change }) => change.type === 'sysctl.set' && change.key === hostForwarding,
  )
  const change: Change = { type: 'sysctl.set', where: undefined, key: hostForwarding, value: '1' }
  return turned ? [] : [{ change, undo: [], step: 'forwarding', space: undefined }]
}

const unmarked = (operation: Operation, owner: string): Operation[] => {
  const change = withoutMark(operation.change, owner)
  if (change === undefined) return []
  return [{ ...operation, change, undo: operation.undo.flatMap(undo => withoutMark(undo, owner) ?? []) }]
}

/** The table of an owner: a word for nft. */
export const tableOf = (owner: string): string => owner.replace(/[^A-Za-z0-9_]/g, '_')

const withoutMark = (change: Change, owner: string): Change | undefined => {
  switch (change.type) {
    case 'link.set': {
      const { alias, ...rest } = change
      return rest.up === undefined && rest.mtu === undefined ? undefined : rest
    }
    case 'namespace.add':
      return { type: change.type, path: change.path }
    case 'nftables.commit':
      return { ...change, commands: change.commands.map(command => renamed(command, owner)) }
    case 'nftables.delete-rules':
      return { ...change, comment: commentOf(change.comment, owner) }
    case 'file.write':
    case 'file.delete':
    case 'directory.add':
    case 'directory.delete':
    case 'mount.share':
    case 'mount.delete':
      return undefined
    default:
      return change
  }
}

const commentOf = (comment: string, owner: string): string =>
  spaceOfComment(comment) === undefined ? comment : owner

const renamed = (command: NftCommand, owner: string): NftCommand => {
  const own = command.family === 'inet' && command.table === tableName
  const placed = own ? { ...command, table: tableOf(owner) } : command
  if (!('rule' in placed) || placed.rule.comment === undefined) return placed
  return { ...placed, rule: { ...placed.rule, comment: commentOf(placed.rule.comment, owner) } }
}

import type { Change } from '../../linux/change.ts'
import { nftText } from '../text/shell.ts'
import { type ExportPlan, tableOf } from './plan.ts'
import type { ExportFile } from './types.ts'

/** Whether a change is of the table that belongs to an owner, and of nothing else. */
export const isOwnTable = (
  change: Change,
  owner: string,
): change is Extract<Change, { type: 'nftables.commit' }> =>
  change.type === 'nftables.commit' && change.commands.every(command => command.table === tableOf(owner))

/** The whole table as a file for nft, which replaces itself: it can be loaded again, whatever is there. */
export const nftFile = ({ owner, operations }: ExportPlan): ExportFile => {
  const commands = operations.flatMap(({ change }) => (isOwnTable(change, owner) ? change.commands : []))
  const table = `inet ${tableOf(owner)}`
  const lines = [
    '#!/usr/sbin/nft -f',
    '# Guard, translation, published ports, and what may pass; replaces itself when it is loaded again.',
    `add table ${table}`,
    `delete table ${table}`,
    ...commands.map(nftText),
  ]
  return { path: `/etc/${owner}.nft`, text: `${lines.join('\n')}\n` }
}

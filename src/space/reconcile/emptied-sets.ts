import type { NftCommand } from '../../linux/nftables/index.ts'
import { tableName } from '../marks.ts'
import { keyText } from '../ruleset/elements.ts'

const ours = { family: 'inet', table: tableName } as const

/** Below this the kernel takes elements away one by one as fast as all of them. */
const worthwhile = 32

/**
 * The same commands, with one flush for each set of our table that they leave empty: an interval set of the kernel takes
 * a time for each element that is deleted which grows with those it has (nft_set_pipapo.c), and none for a flush. `sizes`:
 * how many elements a set has now. What empties a set must not add to it. Pure.
 */
export const withFlushes = (
  commands: readonly NftCommand[],
  sizes: (set: string) => number,
): NftCommand[] => {
  const deleted = new Map<string, Set<string>>()
  for (const command of commands) {
    if (!isDeletion(command)) continue
    const keys = deleted.get(command.set.name) ?? new Set()
    deleted.set(command.set.name, keys)
    for (const { key } of command.elements) keys.add(keyText(key))
  }
  const emptied = new Set(
    [...deleted].filter(([set, { size }]) => size >= worthwhile && size === sizes(set)).map(([set]) => set),
  )
  for (const command of commands)
    if (command.type === 'element.add' || command.type === 'element.create') emptied.delete(command.set.name)
  const flushed = new Set<string>()
  return commands.flatMap((command): NftCommand[] => {
    if (!isDeletion(command) || !emptied.has(command.set.name)) return [command]
    if (flushed.has(command.set.name)) return []
    flushed.add(command.set.name)
    return [{ type: 'set.flush', ...ours, set: command.set.name }]
  })
}

type Deletion = Extract<NftCommand, { type: 'element.add' | 'element.create' | 'element.delete' }>

const isDeletion = (command: NftCommand): command is Deletion =>
  command.type === 'element.delete' && command.family === ours.family && command.table === ours.table

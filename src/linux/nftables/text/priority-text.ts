import type { Family } from '../family.ts'
import type { HookName } from '../hook.ts'

/** Priorities by name, as nft prints them: the nearest name, if it is at most ten away and known at the hook. */

type Named = { name: string; priority: number; hooks?: readonly HookName[] }

const ipPriorities: Named[] = [
  { name: 'raw', priority: -300 },
  { name: 'mangle', priority: -150 },
  { name: 'dstnat', priority: -100, hooks: ['prerouting'] },
  { name: 'filter', priority: 0 },
  { name: 'security', priority: 50 },
  { name: 'srcnat', priority: 100, hooks: ['postrouting'] },
]
const bridgePriorities: Named[] = [
  { name: 'dstnat', priority: -300, hooks: ['prerouting'] },
  { name: 'filter', priority: -200 },
  { name: 'out', priority: 100, hooks: ['output'] },
  { name: 'srcnat', priority: 300, hooks: ['postrouting'] },
]
const filterOnly: Named[] = [{ name: 'filter', priority: 0 }]

const prioritiesOf = (family: Family): Named[] =>
  family === 'bridge' ? bridgePriorities : family === 'arp' || family === 'netdev' ? filterOnly : ipPriorities

const reach = 10

/** `priority` of a base chain: `raw`, `dstnat + 10`, `-90`. */
export const priorityText = (family: Family, hook: HookName | undefined, priority: number): string => {
  const near = prioritiesOf(family).find(
    candidate =>
      Math.abs(priority - candidate.priority) <= reach &&
      (candidate.hooks === undefined || (hook !== undefined && candidate.hooks.includes(hook))),
  )
  if (near === undefined) return String(priority)
  const offset = priority - near.priority
  if (offset === 0) return near.name
  return `${near.name} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`
}

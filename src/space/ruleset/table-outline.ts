// DO NOT EDIT: made by scripts/generate-table-bytes.ts from table.ts; commands.test.ts holds both equal.
import type { ChainDefinition } from './chains.ts'

/** The chains of the table and how many rules each has: what can be told of them without writing the rules down. */
export const tableOutline: readonly (Pick<ChainDefinition, 'name' | 'base'> & { rules: number })[] = [
  { name: 'refuse', rules: 2 },
  { name: 'from_space', rules: 4 },
  { name: 'publish', rules: 8 },
  { name: 'to_host', rules: 11 },
  { name: 'to_metadata', rules: 4 },
  { name: 'leaving', rules: 13 },
  { name: 'to_space', rules: 9 },
  { name: 'outward', rules: 5 },
  { name: 'translate', rules: 14 },
  { name: 'claimed_ports', rules: 4 },
  { name: 'to_inside', rules: 5 },
  { name: 'guard', base: { type: 'filter', hook: 'prerouting', priority: -300 }, rules: 6 },
  { name: 'prerouting', base: { type: 'nat', hook: 'prerouting', priority: -90 }, rules: 1 },
  { name: 'output', base: { type: 'nat', hook: 'output', priority: -90 }, rules: 1 },
  { name: 'input', base: { type: 'filter', hook: 'input', priority: 0 }, rules: 1 },
  { name: 'forward', base: { type: 'filter', hook: 'forward', priority: 0 }, rules: 4 },
  { name: 'redirects', base: { type: 'filter', hook: 'output', priority: 0 }, rules: 2 },
  { name: 'postrouting', base: { type: 'nat', hook: 'postrouting', priority: 110 }, rules: 11 },
  { name: 'claims', base: { type: 'filter', hook: 'postrouting', priority: 120 }, rules: 1 },
]

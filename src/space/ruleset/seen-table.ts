import type { KeyField, SetElement, Table, VerdictValue } from '../../linux/nftables/index.ts'
import { tableName } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { keyText } from './elements.ts'

/** Our table as it was observed, with its elements by set and key. */

const whole = { family: 'inet', table: tableName } as const
// Most of the sets are empty, and to ask each takes as long as all the rest. None of ours has an element for everything else.
const filter = { ...whole, elements: 'counted' } as const
const indexes = new WeakMap<Table, Map<string, Map<string, SetElement>>>()

/** The table, or undefined when there is none. */
export const seenTable = (seen: Observation): Table | undefined => seen.ruleset(filter).tables[0]

/** The same with what the kernel does not count: an element that somebody gave a set of ours for everything else. */
export const wholeTable = (seen: Observation): Table | undefined => seen.ruleset(whole).tables[0]

/** The generation at which it was read: a batch built on it must find the same. */
export const seenGeneration = (seen: Observation): number => seen.ruleset(filter).generation

/** The elements of one of its sets, by the text of their key. */
export const seenElements = (seen: Observation, set: string): ReadonlyMap<string, SetElement> => {
  const table = seenTable(seen)
  if (table === undefined) return new Map()
  let index = indexes.get(table)
  if (index === undefined) {
    index = new Map(
      table.sets.map(item => [
        item.name,
        new Map(item.elements.map(element => [keyText(element.key), element])),
      ]),
    )
    indexes.set(table, index)
  }
  return index.get(set) ?? new Map()
}

/** The value of a map's element as text; '' for an element of a set. */
export const dataText = (data: SetElement['data']): string => (isFields(data) ? keyText(data) : '')

const isFields = (data: KeyField[] | VerdictValue | undefined): data is KeyField[] => Array.isArray(data)

import { type NamedSet, namedSet } from '../../linux/nftables/index.ts'
import { type SetDefinition, setDefinitions } from './table.ts'

const toNamedSet = ({ name, key, data, interval, counter }: SetDefinition): NamedSet =>
  namedSet({
    name,
    key: [...key],
    ...(data === undefined ? {} : { data: [...data] }),
    ...(interval ? { flags: { interval: true } } : {}),
    ...(counter ? { counter } : {}),
  })

/** The sets and maps of our table by name, in the order of their definition. */
export const namedSets: ReadonlyMap<string, NamedSet> = new Map(
  setDefinitions.map(item => [item.name, toNamedSet(item)]),
)

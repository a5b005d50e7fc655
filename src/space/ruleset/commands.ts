import { littleEndian } from '../../linux/netlink/writer.ts'
import {
  canonicalKey,
  type NamedSet,
  type NftCommand,
  type Rule,
  rememberEncoded,
  type SetElement,
} from '../../linux/nftables/index.ts'
import { tableName } from '../marks.ts'
import type { Operation } from '../reconcile/operation.ts'
import type { StepName } from '../steps.ts'
import type { ChainDefinition } from './chains.ts'
import type { Membership } from './elements.ts'
import { namedSets } from './named-sets.ts'
import { chainDefinitions, setDefinitions } from './table.ts'
import { tableBytes } from './table-bytes.ts'
import { tableOutline } from './table-outline.ts'

/** The table as commands that make it, and elements as commands that add or delete them. */

const where = { family: 'inet', table: tableName } as const

let ready: NftCommand[] | undefined

/** The commands that make the whole table, with those elements only that it always has. Their messages are known beforehand (table-bytes.ts). */
export const tableCommands = (): NftCommand[] => {
  if (ready === undefined) {
    ready = outlinedCommands()
    if (littleEndian) rememberEncoded(ready, new Uint8Array(Buffer.from(tableBytes, 'base64')))
  }
  return ready
}

/** The same, to be compiled: for whoever makes the bytes. */
export const plainTableCommands = (): NftCommand[] => [
  ...setCommands(),
  ...chainDefinitions().map(chainCommand),
  ...chainDefinitions().flatMap(({ name, rules }) =>
    rules.map((rule): NftCommand => ({ type: 'rule.add', ...where, chain: name, rule })),
  ),
]

const setCommands = (): NftCommand[] => [
  { type: 'table.add', ...where },
  ...[...namedSets.values()].map((set): NftCommand => ({ type: 'set.add', ...where, set })),
  ...elementCommands('element.add', constantMembers()),
]

const chainCommand = ({ name, base }: Pick<ChainDefinition, 'name' | 'base'>): NftCommand => ({
  type: 'chain.add',
  ...where,
  chain: base === undefined ? { name } : { name, ...base, policy: 'accept' },
})

/** As plainTableCommands, but each rule is written down when somebody looks at it: whoever sends its bytes does not. */
const outlinedCommands = (): NftCommand[] => [
  ...setCommands(),
  ...tableOutline.map(chainCommand),
  ...tableOutline.flatMap(({ name, rules }) =>
    Array.from({ length: rules }, (_, index) => laterRule(name, index)),
  ),
]

const laterRule = (chain: string, index: number): NftCommand => ({
  type: 'rule.add',
  ...where,
  chain,
  get rule() {
    const definition = chainDefinitions().find(({ name }) => name === chain)
    return definition?.rules[index] as Rule
  },
})

/** The elements that are part of the table itself. */
export const constantMembers = (): Pick<Membership, 'set' | 'element'>[] =>
  setDefinitions.flatMap(({ name, constant = [] }) =>
    constant.map(key => ({
      set: name,
      element: { key: canonicalKey(namedSets.get(name) as NamedSet, [key]) },
    })),
  )

export const deleteTable = (): NftCommand => ({ type: 'table.delete', ...where })

/** Adds or deletes elements, one command a set. */
export const elementCommands = (
  type: 'element.add' | 'element.delete',
  members: readonly Pick<Membership, 'set' | 'element'>[],
): NftCommand[] => {
  const bySet = new Map<string, SetElement[]>()
  for (const { set, element } of members) {
    const elements = bySet.get(set)
    if (elements) elements.push(element)
    else bySet.set(set, [element])
  }
  return [...bySet].map(([name, elements]) => ({
    type,
    ...where,
    set: namedSets.get(name) as NamedSet,
    elements,
  }))
}

/** A firewall operation with its way back. */
export const firewallOperation = (
  commands: NftCommand[],
  undo: NftCommand[],
  generation: number,
  step: StepName,
  space: string | undefined,
): Operation => ({
  change: { type: 'nftables.commit', where: undefined, commands, generation },
  undo:
    undo.length === 0
      ? []
      : [{ type: 'nftables.commit', where: undefined, commands: undo, generation: undefined }],
  step,
  space,
})

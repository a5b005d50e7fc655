import type { Ruleset } from '../nftables/read/model.ts'
import type { Address } from '../rtnetlink/address.ts'
import type { Link } from '../rtnetlink/link.ts'
import type { QueueingDiscipline } from '../rtnetlink/queueing-discipline.ts'
import type { Route } from '../rtnetlink/route.ts'
import { disciplineOf } from './discipline.ts'
import { linkOf } from './link.ts'
import type { FakeMachine } from './machine.ts'
import type { FakeNamespace } from './namespace.ts'

export type NamespaceSnapshot = {
  links: Omit<Link, 'peerNamespaceId' | 'counters'>[]
  addresses: Address[]
  routes: Route[]
  /** Without those that the kernel puts there by default. */
  disciplines: Omit<QueueingDiscipline, 'counters'>[]
  sysctls: Record<string, string>
  tables: Ruleset['tables']
}

/** Files by path: folders, texts, and the namespaces that are pinned. */
export type MachineSnapshot = {
  files: Record<string, string>
  host: NamespaceSnapshot
  namespaces: Record<string, NamespaceSnapshot>
}

/**
 * A machine as plain data. Left out is what the kernel gives out anew each time and nobody may rely on: handles of
 * tables and rules, the generation, ids of namespaces.
 */
export const snapshotOf = ({ files, host }: FakeMachine): MachineSnapshot => {
  const nodes = [...files.nodes].sort(([one], [other]) => (one < other ? -1 : 1))
  return {
    files: Object.fromEntries(
      nodes.map(([path, node]) => {
        if (node.type === 'namespace') return [path, 'namespace']
        const mode = node.mode.toString(8)
        return [path, node.type === 'file' ? `file ${mode} ${node.text}` : `folder ${mode} ${node.mounted}`]
      }),
    ),
    host: snapshotOfNamespace(host),
    namespaces: Object.fromEntries(
      nodes.flatMap(([path, node]) =>
        node.type === 'namespace' ? [[path, snapshotOfNamespace(node.namespace)]] : [],
      ),
    ),
  }
}

const snapshotOfNamespace = ({ links, routing, sysctls, netfilter }: FakeNamespace): NamespaceSnapshot => ({
  links: [...links.values()]
    .sort((one, other) => one.index - other.index)
    .map(link => {
      const { peerNamespaceId: _, counters: __, ...rest } = linkOf(link)
      return rest
    }),
  addresses: routing.listAddresses(),
  routes: routing.listRoutes(),
  disciplines: [...links.values()]
    .flatMap(disciplineOf)
    .flatMap(({ counters: _, ...discipline }) => (discipline.handle === 0 ? [] : [discipline])),
  sysctls: Object.fromEntries(sysctls.entries()),
  tables: withoutHandles(netfilter.read().tables),
})

const withoutHandles = (tables: Ruleset['tables']): Ruleset['tables'] =>
  tables.map(table => ({
    ...table,
    handle: 0n,
    sets: table.sets.map(set => ({ ...set, handle: 0n, elements: inOrder(set.elements) })),
    chains: table.chains.map(chain => ({
      ...chain,
      handle: 0n,
      rules: chain.rules.map(rule => ({ ...rule, handle: 0n })),
    })),
  }))

/** A set has no order that could be relied on. */
const inOrder = <T extends { key: unknown }>(elements: readonly T[]): T[] => {
  const text = ({ key }: T) => JSON.stringify(key)
  return [...elements].sort((one, other) => (text(one) < text(other) ? -1 : 1))
}

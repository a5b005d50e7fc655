import type { Kernel } from '../../linux/kernel.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import { imaginedKernel } from '../imagined-kernel.ts'
import { spaceOfAlias, spaceOfComment, tableName } from '../marks.ts'
import { namespaceFolder } from '../reconcile/desired.ts'
import { namespacePath } from '../spec/names.ts'
import { readHostRecord, recordPath, type StatePaths } from '../state/records.ts'

/**
 * The host as it would be if natspace had never been there: without its cables, its table, its records, and the
 * namespaces of the named spaces. A plan that is made on it has every operation in it. It can only be asked.
 */
export const withoutSpaces = (kernel: Kernel, paths: StatePaths, names: readonly string[]): Kernel => {
  const hiddenFiles = new Set([paths.host, ...names.map(name => recordPath(paths, name))])
  const hiddenNamespaces = new Set(names.map(namespacePath))
  const settings = settingsBefore(kernel, paths)
  const ownIndexes = (links: readonly Link[]): Set<number> =>
    new Set(links.flatMap(link => (spaceOfAlias(link.alias) === undefined ? [] : link.index)))
  const isHidden = (where: string | undefined): boolean => where !== undefined && hiddenNamespaces.has(where)

  const instead: Partial<Kernel> = {
    namespaceNames: folder =>
      kernel.namespaceNames(folder).filter(name => !names.includes(name) || folder !== namespaceFolder),
    namespaceState: path => (isHidden(path) ? 'missing' : kernel.namespaceState(path)),
    links: where => kernel.links(where).filter(link => spaceOfAlias(link.alias) === undefined),
    addresses: where => {
      const own = ownIndexes(kernel.links(where))
      return kernel.addresses(where).filter(({ index }) => !own.has(index))
    },
    routes: where => {
      const own = ownIndexes(kernel.links(where))
      return kernel
        .routes(where)
        .filter(({ outputIndex }) => outputIndex === undefined || !own.has(outputIndex))
    },
    sysctl: (where, key) => {
      if (isHidden(where)) return undefined
      const value = kernel.sysctl(where, key)
      return where === undefined && value !== undefined ? settings(key, value) : value
    },
    ruleset: (where, filter) => {
      const { generation, tables } = kernel.ruleset(where, filter)
      return {
        generation,
        tables: tables
          .filter(({ family, name }) => family !== 'inet' || name !== tableName)
          .map(table => ({
            ...table,
            chains: table.chains.map(chain => ({
              ...chain,
              rules: chain.rules.filter(({ comment }) => spaceOfComment(comment) === undefined),
            })),
          })),
      }
    },
    flows: () => [],
    readFile: path => (hiddenFiles.has(path) ? undefined : kernel.readFile(path)),
    change: () => {
      throw new Error('Cannot change a host that is only imagined')
    },
  }
  return imaginedKernel(kernel, instead)
}

/** What settings of the host were before natspace turned forwarding on: by their key, and what they are now. */
const settingsBefore = (kernel: Kernel, paths: StatePaths): ((key: string, value: string) => string) => {
  const { forwarding, forwarding6 } = readHostRecord(kernel, paths) ?? {}
  const before: Record<string, string> = { ...forwarding?.before, ...forwarding6?.before }
  return (key, value) => {
    const noted = before[key]
    if (noted !== undefined) return noted
    // Of the switches of single links only those are noted that were on.
    return forwarding !== undefined && /^net\.ipv4\.conf\..*\.forwarding$/.test(key) ? '0' : value
  }
}

import { NamespaceError } from '../../linux/sys/namespace.ts'
import type { Facts } from './facts.ts'
import { type Finding, noFix } from './finding.ts'
import { isForbidden } from './refusal.ts'

/**
 * Commands are run by root, and names of links, tables and chains are given by others: whoever is root inside a container may
 * call a link `$(reboot)`. A command that would hold a name with characters that a shell or nft obeys is not offered.
 */
export const withSafeFixes = (facts: Facts, findings: readonly Finding[]): Finding[] => {
  if (findings.every(({ fix }) => fix.commands.length === 0)) return [...findings]
  const names = oddNames(facts)
  if (names.length === 0) return [...findings]
  return findings.map(finding => {
    const lines = [...finding.fix.commands, ...finding.fix.undo]
    // In the name of a setting '/' stands for a point.
    const name = names.find(item =>
      lines.some(line => line.includes(item) || line.includes(item.replaceAll('.', '/'))),
    )
    return name === undefined
      ? finding
      : {
          ...finding,
          evidence: [
            ...finding.evidence,
            `no command is offered: the name '${name}' means something to a shell`,
          ],
          fix: noFix,
        }
  })
}

const plain = /^[A-Za-z0-9_][\w.@:+/-]*$/

const oddNames = (facts: Facts): string[] => {
  const names = [undefined, facts.inside].flatMap(where => {
    try {
      return [
        ...facts.links(where).map(({ name }) => name),
        ...facts
          .ruleset(where)
          .tables.flatMap(table => [table.name, ...table.chains.map(({ name }) => name)]),
      ]
    } catch (error) {
      // What this user may not list, or what is no namespace, is in no command either.
      if (isForbidden(error) || error instanceof NamespaceError) return []
      throw error
    }
  })
  return names.filter(name => name !== '' && !plain.test(name))
}

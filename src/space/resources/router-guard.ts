import { elementCommands, firewallOperation } from '../ruleset/commands.ts'
import { keyText } from '../ruleset/elements.ts'
import { seenElements, seenGeneration, seenTable } from '../ruleset/seen-table.ts'
import type { Resource } from './resource.ts'

/**
 * While it is natspace that turned forwarding on, the links that were there before are not routed between: whoever did
 * not have a router shall not have one now. Equivalent to: `nft add element inet natspace preexisting { "eth0" }`
 */
export const routerGuardResource = (links: readonly string[]): Resource => {
  const id = 'router guard'
  const members = links.map(name => ({ set: 'preexisting', element: { key: [name] } }))
  return {
    id,
    step: 'guard',
    phase: 'firewall',
    space: undefined,
    drift(seen) {
      if (seenTable(seen) === undefined) return []
      const present = seenElements(seen, 'preexisting')
      return links
        .filter(name => !present.has(keyText([name])))
        .map(name => ({
          resource: id,
          step: 'guard',
          space: undefined,
          expected: `${name} is guarded`,
          found: 'it is not',
        }))
    },
    add(seen) {
      const present = seenElements(seen, 'preexisting')
      const missing = members.filter(({ element }) => !present.has(keyText(element.key)))
      if (missing.length === 0) return []
      const undo = seenTable(seen) === undefined ? [] : elementCommands('element.delete', missing)
      return [
        firewallOperation(
          elementCommands('element.add', missing),
          undo,
          seenGeneration(seen),
          'guard',
          undefined,
        ),
      ]
    },
    // It goes with the table.
    remove: () => [],
  }
}

import type { Observation } from '../reconcile/observation.ts'
import { elementCommands, firewallOperation } from '../ruleset/commands.ts'
import { keyText } from '../ruleset/elements.ts'
import { seenElements, seenGeneration, seenTable } from '../ruleset/seen-table.ts'
import type { HostRecord } from '../state/records.ts'
import type { Resource } from './resource.ts'

/**
 * While it is natspace that turned forwarding on, the links that were there before are not routed between: whoever did
 * not have a router shall not have one now. For each family by itself, as one may have been forwarded before. A bridge
 * whose frames the firewall sees (br_netfilter) hands them from itself to itself, which is no routing.
 * Equivalent to: `nft add element inet natspace preexisting4 { "eth0" }`
 */
export const routerGuardResource = (host: HostRecord): Resource => {
  const id = 'router guard'
  const links4 = host.forwarding?.links ?? []
  const links6 = host.forwarding6?.links ?? []
  const members = (seen: Observation) => [
    ...links4.map(name => ({ set: 'preexisting4', element: { key: [name] } })),
    ...links6.map(name => ({ set: 'preexisting6', element: { key: [name] } })),
    ...[...new Set([...links4, ...links6])]
      .filter(name => seen.link(undefined, name)?.kind === 'bridge')
      .map(name => ({ set: 'bridges', element: { key: [name, name] } })),
  ]
  const missing = (seen: Observation) =>
    members(seen).filter(({ set, element }) => !seenElements(seen, set).has(keyText(element.key)))
  return {
    id,
    step: 'guard',
    phase: 'firewall',
    space: undefined,
    drift(seen) {
      if (seenTable(seen) === undefined) return []
      return missing(seen).map(({ set, element }) => ({
        resource: id,
        step: 'guard',
        space: undefined,
        expected: `${element.key[0]} is in ${set}`,
        found: 'it is not',
      }))
    },
    add(seen) {
      const absent = missing(seen)
      if (absent.length === 0) return []
      const undo = seenTable(seen) === undefined ? [] : elementCommands('element.delete', absent)
      return [
        firewallOperation(
          elementCommands('element.add', absent),
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

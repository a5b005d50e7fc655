import { interfaceSysctl } from '../../linux/sysctl.ts'
import type { Observation } from '../reconcile/observation.ts'
import { elementCommands, firewallOperation } from '../ruleset/commands.ts'
import { keyText } from '../ruleset/elements.ts'
import { seenElements, seenGeneration, seenTable } from '../ruleset/seen-table.ts'
import type { HostRecord } from '../state/records.ts'
import type { Resource } from './resource.ts'

/**
 * While it is natspace that turned forwarding on, the links that were there before are not routed between: whoever did
 * not have a router shall not have one now. For each family by itself, as one may have been forwarded before, and but
 * for links that forwarded by a switch of their own, which go on. A bridge whose frames the firewall sees (br_netfilter)
 * hands them from itself to itself, which is no routing.
 * Equivalent to: `nft add element inet natspace preexisting4 { "eth0" }`
 */
export const routerGuardResource = (host: HostRecord): Resource => {
  const id = 'router guard'
  const members = (seen: Observation) => {
    const { before: before4 = {}, links: links4 = [] } = host.forwarding ?? {}
    const { before: before6 = {}, links: links6 = [] } = host.forwarding6 ?? {}
    const wasOn4 = (name: string) => before4[interfaceSysctl('ipv4', name, 'forwarding')] === '1'
    const force = (name: string) => interfaceSysctl('ipv6', name, 'force_forwarding')
    const turned6 = (name: string) => before6[force(name)] !== undefined
    const wasOn6 = (name: string) => !turned6(name) && seen.sysctl(undefined, force(name)) === '1'
    // A link that came later is natspace's doing too once it was told to forward.
    const later = [...seen.links(undefined).values()].map(({ name }) => name).filter(turned6)
    const guarded6 = [...new Set([...links6, ...later])]
    const of = (set: string, names: readonly string[]) =>
      names.map(name => ({ set, element: { key: [name] } }))
    return [
      ...of('preexisting4', links4),
      ...of('preexisting6', guarded6),
      ...of('forwarding4', links4.filter(wasOn4)),
      ...of('forwarding6', guarded6.filter(wasOn6)),
      ...[...new Set([...links4, ...guarded6])]
        .filter(name => seen.link(undefined, name)?.kind === 'bridge')
        .map(name => ({ set: 'bridges', element: { key: [name, name] } })),
    ]
  }
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

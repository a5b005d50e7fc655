import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

/**
 * The host end being up: the last thing on the way up, behind the firewall, and the first to go. Whoever is root inside
 * may be there before natspace and after it, and would otherwise find an unguarded cable for a moment.
 * Equivalent to: `ip link set HOST up`
 */
export const openResource = (resolved: ResolvedSpace): Resource => {
  const { name: space, hostInterface, interface: inner, namespacePath } = resolved
  const id = `${hostInterface} being up`
  const common = { step: 'host-address', space } as const
  const set = (index: number, up: boolean) =>
    ({ type: 'link.set', where: undefined, name: hostInterface, index, up }) as const
  return {
    id,
    ...common,
    phase: 'open',
    drift(seen) {
      const link = seen.link(undefined, hostInterface)
      if (link === undefined || link.up) return []
      return [{ resource: id, ...common, expected: `${hostInterface} is up`, found: 'down' }]
    },
    add(_, planner) {
      const fresh = planner.creates(undefined, hostInterface)
      const index = planner.index(undefined, hostInterface)
      if (index === undefined || !(fresh || planner.link(undefined, hostInterface)?.up === false)) return []
      return [{ change: set(index, true), undo: fresh ? [] : [set(index, false)], ...common }]
    },
    remove(_, planner) {
      const link = planner.link(undefined, hostInterface)
      if (link?.up !== true) return []
      // What is on the cable goes with it, some of it at once.
      planner.remove(undefined, hostInterface)
      planner.remove(namespacePath, inner)
      return [{ change: set(link.index, false), undo: [set(link.index, true)], ...common }]
    },
  }
}

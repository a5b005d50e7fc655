import type { Where } from '../../linux/change.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Operation } from '../reconcile/operation.ts'
import { type InnerAddress, innerAddresses, isRouted, wholeLength } from '../spec/endpoints.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

type End = {
  where: Where
  name: string
  address: string
  prefixLength: number
  /** Whether the way to its subnet is another than the cable. */
  noPrefixRoute?: true
  step: 'host-address' | 'inner-address'
  /** Whether the end being up belongs to it: to the first of its addresses. */
  first: boolean
}

/**
 * The address of one end of the cable, and the end being up: with both, the kernel adds the route to the subnet.
 * Equivalent to: `ip address add ADDRESS/LENGTH dev NAME` and `ip link set NAME up`
 */
const endResource = (
  space: ResolvedSpace,
  { where, name, address, prefixLength, noPrefixRoute, step, first }: End,
): Resource => {
  const id = `address ${address}/${prefixLength} on ${name}${where === undefined ? '' : ` in ${space.name}`}`
  const has = (seen: Observation): boolean => {
    const link = seen.link(where, name)
    const addresses = link === undefined ? [] : seen.addressesOf(where, link.index)
    return addresses.some(item => item.address === address && item.prefixLength === prefixLength)
  }
  return {
    id,
    step,
    phase: 'address',
    space: space.name,
    drift(seen) {
      const link = seen.link(where, name)
      if (link === undefined)
        return [{ resource: id, step, space: space.name, expected: 'there', found: `no link ${name}` }]
      const drifts = []
      if (!has(seen)) {
        const others = seen.addressesOf(where, link.index)
        const found = others.map(item => `${item.address}/${item.prefixLength}`).join(', ') || 'no address'
        drifts.push({ resource: id, step, space: space.name, expected: 'there', found })
      }
      if (first && !link.up)
        drifts.push({ resource: id, step, space: space.name, expected: `${name} is up`, found: 'down' })
      return drifts
    },
    add(seen, planner) {
      const fresh = planner.creates(where, name)
      const index = planner.index(where, name)
      if (index === undefined) return []
      const operations: Operation[] = []
      const end = { where, name, index }
      const own = { address, prefixLength, ...(noPrefixRoute ? { noPrefixRoute } : {}) }
      if (fresh || !has(seen))
        operations.push({
          change: { type: 'address.add', ...end, ...own },
          undo: fresh ? [] : [{ type: 'address.delete', ...end, ...own }],
          step,
          space: space.name,
        })
      if (first && (fresh || planner.link(where, name)?.up === false))
        operations.push({
          change: { type: 'link.set', ...end, up: true },
          undo: fresh ? [] : [{ type: 'link.set', ...end, up: false }],
          step,
          space: space.name,
        })
      return operations
    },
    remove(seen, planner) {
      const link = planner.link(where, name)
      // With the link its addresses go.
      if (link === undefined || !has(seen)) return []
      const own = { address, prefixLength, ...(noPrefixRoute ? { noPrefixRoute } : {}) }
      const change = { where, name, index: link.index, ...own }
      return [
        {
          change: { type: 'address.delete', ...change },
          undo: [{ type: 'address.add', ...change }],
          step,
          space: space.name,
        },
      ]
    },
  }
}

/** IPv6 first, as with the last address the inner end comes up and nothing shall be missing then. */
const inOrderOfAdding = (space: ResolvedSpace): InnerAddress[] =>
  innerAddresses(space).toSorted((one, other) => other.family - one.family)

/** Step 4: the host end, which is the space's gateway. */
export const hostAddressResources = (space: ResolvedSpace): Resource[] => {
  const end = { where: undefined, name: space.hostInterface, step: 'host-address' } as const
  const gateways = new Map(
    inOrderOfAdding(space).map(item => [
      item.gateway,
      isRouted(item) ? wholeLength[item.family] : item.sharedLength,
    ]),
  )
  return [...gateways].map(([address, prefixLength]) =>
    // It comes up later: see open.ts.
    endResource(space, { ...end, address, prefixLength, first: false }),
  )
}

/** Step 5: the inner end. */
export const innerAddressResources = (space: ResolvedSpace): Resource[] => {
  const end = { where: space.namespacePath, name: space.interface, step: 'inner-address' } as const
  return inOrderOfAdding(space).map(({ address, prefixLength, subnet }, index, all) =>
    endResource(space, {
      ...end,
      address,
      prefixLength,
      ...(subnet === undefined ? {} : { noPrefixRoute: true }),
      first: index === all.length - 1,
    }),
  )
}

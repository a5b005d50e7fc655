import { NatspaceError } from '../errors.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift } from '../reconcile/operation.ts'
import { quote } from '../spec/quote.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

/**
 * The interface of a space that another has made: it is looked at, and never made, changed or taken away here. With it
 * go the addresses that ports lead to.
 */
export const foreignInterfaceResource = (space: ResolvedSpace): Resource => {
  const { name, interface: inner, namespacePath: where, hostInterface: way, behind } = space
  const id = `interface ${inner} of another in ${name}`
  const drift = (seen: Observation): Drift[] => {
    const differs = (expected: string, found: string): Drift => ({
      resource: id,
      step: 'cable',
      space: name,
      expected,
      found,
    })
    const link = seen.link(where, inner)
    if (link === undefined) return [differs('there', 'no such link')]
    const found = new Set(seen.addressesOf(where, link.index).map(({ address }) => address))
    return [
      ...[way, behind?.port]
        .filter(outer => outer && seen.link(undefined, outer) === undefined)
        .map(outer => differs(`the link ${quote(outer ?? '')} of this host`, 'no such link')),
      ...addressesOf(space)
        .filter(address => !found.has(address))
        .map(address => differs(`address ${address}`, [...found].join(', ') || 'no address')),
    ]
  }
  return {
    id,
    step: 'cable',
    phase: 'cable',
    space: name,
    drift,
    add(seen) {
      const [first] = drift(seen)
      if (first !== undefined) throw gone(space, first)
      return []
    },
    remove: () => [],
  }
}

/** The inside addresses of a space, of both families. */
const addressesOf = ({ address, ipv6 }: ResolvedSpace): string[] =>
  [address, ipv6?.address ?? ''].filter(text => text !== '')

const gone = ({ name }: ResolvedSpace, { expected, found }: Drift): NatspaceError =>
  new NatspaceError({
    code: 'INTERFACE_GONE',
    exit: 1,
    what: `cannot add to the interface of ${name}`,
    why: 'another plugin has made it, and it is not as it was',
    evidence: [`expected ${expected}, found ${found}`],
    fix: ['have the container runtime make the container anew'],
  })

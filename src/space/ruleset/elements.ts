import type { KeyField, SetElement } from '../../linux/nftables/index.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import type { StepName } from '../steps.ts'

/**
 * A space is nothing but elements: the rules of the table are constant, and say what happens to members of the sets.
 * Pure: from a resolved space to the elements it has.
 */

/** One element of one of the table's sets or maps, and the step it belongs to. */
export type Membership = {
  set: string
  element: SetElement
  step: Extract<StepName, 'guard' | 'masquerade' | 'publish'>
}

/** All elements of a space. */
export const membershipsOf = (space: ResolvedSpace): Membership[] => [
  ...guardOf(space),
  ...(space.internal ? [] : masqueradeOf(space)),
  ...space.publish.flatMap(publish => publishOf(space, publish)),
]

const member = (step: Membership['step'], set: string, key: KeyField[], data?: KeyField[]): Membership => ({
  set,
  element: data === undefined ? { key } : { key, data },
  step,
})

const guardOf = ({ hostInterface, address, internal, uplink }: ResolvedSpace): Membership[] => [
  member('guard', 'spaces', [hostInterface]),
  member('guard', 'source4', [hostInterface, address]),
  member('guard', 'inside4', [address]),
  ...(internal ? [member('guard', 'internal', [hostInterface])] : []),
  ...(uplink === undefined
    ? []
    : [member('guard', 'pinned', [hostInterface]), member('guard', 'via', [hostInterface, uplink])]),
]

const masqueradeOf = ({ address, uplink }: ResolvedSpace): Membership[] => [
  uplink === undefined
    ? member('masquerade', 'outbound4', [address])
    : member('masquerade', 'outbound4_via', [address, uplink]),
]

/**
 * A single port is one element of a hash map. A range that keeps its numbers is one element too, of a map of intervals
 * that gives only the address; a range that is shifted has no such form and becomes one element a port.
 */
const publishOf = (space: ResolvedSpace, publish: Publish): Membership[] => {
  const { protocol, hostAddress, hostPort, port } = publish
  const at = hostAddress === undefined ? '' : '_at'
  const before: KeyField[] = hostAddress === undefined ? [protocol] : [hostAddress, protocol]
  const isRange = hostPort.last > hostPort.first
  if (isRange && hostPort.first === port.first)
    return [member('publish', `publish4_range${at}`, [...before, { ...hostPort }], [space.address])]
  return Array.from({ length: hostPort.last - hostPort.first + 1 }, (_, offset) =>
    member(
      'publish',
      `publish4${at}`,
      [...before, hostPort.first + offset],
      [space.address, port.first + offset],
    ),
  )
}

/** A text that tells elements of one set apart. */
export const keyText = (key: readonly KeyField[]): string =>
  key
    .map(field => {
      if (typeof field !== 'object') return String(field)
      return 'beginning' in field ? `${field.beginning}*` : `${field.first}-${field.last}`
    })
    .join(' . ')

import { hostAddressResource, innerAddressResource } from '../resources/address.ts'
import { cableResource } from '../resources/cable.ts'
import { elementResources } from '../resources/elements.ts'
import { foreignForwardResource } from '../resources/foreign-forward.ts'
import { forwardingResource } from '../resources/forwarding.ts'
import { loopbackResource } from '../resources/loopback.ts'
import { namespaceResource } from '../resources/namespace.ts'
import {
  hostRecordResource,
  namespaceFolderResource,
  spaceRecordResource,
  stateFolderResource,
} from '../resources/record.ts'
import { phases, type Resource } from '../resources/resource.ts'
import { routeResource } from '../resources/route.ts'
import { routerGuardResource } from '../resources/router-guard.ts'
import { tableResource } from '../resources/table.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { HostRecord, SpaceRecord, StatePaths } from '../state/records.ts'
import { stepOf } from '../steps.ts'

/** Where namespaces are pinned, as ip-netns(8) does. */
export const namespaceFolder = '/run/netns'

/** The cable and what hangs on it: all that a rebuilt cable needs again. */
export const cableResources = (space: ResolvedSpace): Resource[] => [
  cableResource(space),
  hostAddressResource(space),
  innerAddressResource(space),
  ...(space.internal ? [] : [routeResource(space)]),
]

/** What should exist for one space, its record included. `previous` is what it was under an earlier spec. */
export const spaceResources = (
  paths: StatePaths,
  record: SpaceRecord,
  previous?: ResolvedSpace,
): Resource[] => {
  const { space, ownsNamespace } = record
  return [
    spaceRecordResource(paths, record),
    namespaceResource(space, ownsNamespace),
    ...(ownsNamespace ? [loopbackResource(space)] : []),
    ...cableResources(space),
    ...elementResources(space, previous),
    foreignForwardResource(space, previous),
  ]
}

/** What should exist once, for all spaces together. */
export const hostResources = (
  paths: StatePaths,
  host: HostRecord,
  ownNames: ReadonlySet<string>,
): Resource[] => [
  stateFolderResource(paths),
  hostRecordResource(paths, host),
  namespaceFolderResource(namespaceFolder, host.namespaceFolder === true, ownNames),
  tableResource(),
  routerGuardResource(host.forwarding?.links ?? []),
  forwardingResource(host.forwarding),
]

/** In the order of adding: by phase, and within one as listed. Removing goes the other way. */
export const inOrder = (resources: readonly Resource[]): Resource[] =>
  phases.flatMap(phase => resources.filter(resource => resource.phase === phase))

/** Without the resources of the steps with these numbers. */
export const leaveOut = (resources: readonly Resource[], without: readonly number[]): Resource[] =>
  resources.filter(resource => {
    const { number } = stepOf(resource.step)
    return number === undefined || !without.includes(number)
  })

import { aliasOf } from '../marks.ts'
import { hostAddressResources, innerAddressResources } from '../resources/address.ts'
import { cableResource } from '../resources/cable.ts'
import { type Elsewhere, elementResources } from '../resources/elements.ts'
import { foreignForwardResources } from '../resources/foreign-forward.ts'
import { foreignInterfaceResource } from '../resources/foreign-interface.ts'
import { forwardingResource } from '../resources/forwarding.ts'
import { forwarding6Resource } from '../resources/forwarding6.ts'
import { loopbackResource } from '../resources/loopback.ts'
import { namespaceResource } from '../resources/namespace.ts'
import { obsoleteResource } from '../resources/obsolete.ts'
import { openResource } from '../resources/open.ts'
import { rateResource } from '../resources/rate.ts'
import {
  hostRecordResource,
  namespaceFolderResource,
  spaceRecordResource,
  stateFolderResource,
} from '../resources/record.ts'
import { phases, type Resource } from '../resources/resource.ts'
import { loopbackRouteResources, routeResources } from '../resources/route.ts'
import { routerGuardResource } from '../resources/router-guard.ts'
import {
  publishedFlowsResource,
  releasedFlowsResource,
  staleFlowResources,
} from '../resources/stale-flows.ts'
import { tableResource } from '../resources/table.ts'
import { tuningResource } from '../resources/tuning.ts'
import { wayInResource } from '../resources/way-in.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { HostRecord, SpaceRecord, StatePaths } from '../state/records.ts'
import { stepOf } from '../steps.ts'

/** Where namespaces are pinned, as ip-netns(8) does. */
export const namespaceFolder = '/run/netns'

/** The cable and what hangs on it: all that a rebuilt cable needs again. */
export const cableResources = (
  space: ResolvedSpace,
  previous?: ResolvedSpace,
  alias: string = aliasOf(space.name),
  isAdopted = false,
): Resource[] => [
  cableResource(space, alias, isAdopted),
  ...[
    rateResource(space, previous),
    ...formerRoutes(space, previous),
    ...hostAddressResources(space),
    ...innerAddressResources(space),
    openResource(space),
    ...routesOf(space),
  ].map(resource => onOurCable(resource, space, alias)),
]

/** Takes nothing off a cable that is not ours: one of the same name that somebody else made, or that is to be adopted. */
const onOurCable = (
  resource: Resource,
  { hostInterface, namespacePath, interface: inner }: ResolvedSpace,
  alias: string,
): Resource => ({
  ...resource,
  remove(seen, planner) {
    const ends = [seen.link(undefined, hostInterface), seen.link(namespacePath, inner)]
    return ends.some(end => end?.alias === alias) ? resource.remove(seen, planner) : []
  },
})

const routesOf = (space: ResolvedSpace): Resource[] => [
  ...routeResources(space),
  ...loopbackRouteResources(space),
]

/** Routes of an earlier spec that the space no longer has. */
const formerRoutes = (space: ResolvedSpace, previous: ResolvedSpace | undefined): Resource[] => {
  if (previous === undefined) return []
  const wanted = new Set(routesOf(space).map(resource => resource.id))
  return routesOf(previous)
    .filter(resource => !wanted.has(resource.id))
    .map(obsoleteResource)
}

/**
 * What should exist for one space, its record included. `previous` is what it was under an earlier spec, or by hand where
 * it is adopted.
 */
export const spaceResources = (
  paths: StatePaths,
  record: SpaceRecord,
  previous?: ResolvedSpace,
  elsewhere?: Elsewhere,
  isAdopted = false,
): Resource[] => {
  const { space, ownsNamespace } = record
  const alias = aliasOf(space.name, paths.owner)
  const tunings = (part: 'namespace' | 'interface') =>
    space.tuning === undefined ? [] : [tuningResource(part, space, record.before, paths.owner)]
  return [
    spaceRecordResource(paths, record),
    namespaceResource(space, ownsNamespace, alias),
    ...tunings('namespace'),
    ...(space.behind === undefined
      ? [
          releasedFlowsResource(space),
          ...(ownsNamespace ? [loopbackResource(space)] : []),
          ...cableResources(space, previous, alias, isAdopted),
        ]
      : behindResources(record, previous, elsewhere)),
    ...tunings('interface'),
    ...elementResources(space, previous, elsewhere),
    ...foreignForwardResources(space, previous),
    ...staleFlowResources(space, previous),
  ]
}

/** What stands in the place of the cable where that is another's. */
const behindResources = (
  { space, before }: SpaceRecord,
  previous: ResolvedSpace | undefined,
  elsewhere: Elsewhere | undefined,
): Resource[] => {
  const rated = (item: ResolvedSpace) => ({ ...item, hostInterface: item.behind?.port ?? '' })
  return [
    foreignInterfaceResource(space),
    publishedFlowsResource(space),
    rateResource(rated(space), previous && rated(previous)),
    wayInResource(space, before, elsewhere),
  ]
}

/** Which families something on this host needs to be forwarded; and whether it needs our table. */
export type Forwarded = { ipv4: boolean; ipv6: boolean; table: boolean }

/**
 * Whether packets of the space are forwarded: not where it is alone with this host, and where the cable is another's only
 * what is published.
 */
export const forwardedOf = (spaces: readonly ResolvedSpace[]): Forwarded => {
  const forwarding = spaces.filter(
    ({ internal, publish, connect, behind }) =>
      publish.length > 0 || (behind === undefined && (!internal || connect.length > 0)),
  )
  return {
    ipv4: forwarding.some(({ address }) => address !== ''),
    ipv6: forwarding.some(({ ipv6 }) => ipv6 !== undefined),
    table: spaces.some(({ behind, publish }) => behind === undefined || publish.length > 0),
  }
}

/** What should exist once, for all spaces together. `resumed`: an earlier removal may have stopped halfway. */
export const hostResources = (
  paths: StatePaths,
  host: HostRecord,
  ownNames: ReadonlySet<string>,
  forwarded: Forwarded = { ipv4: true, ipv6: true, table: true },
  resumed = false,
): Resource[] => [
  stateFolderResource(paths),
  hostRecordResource(paths, host),
  namespaceFolderResource(namespaceFolder, host.namespaceFolder === true, ownNames),
  ...(forwarded.table ? [tableResource(), routerGuardResource(host)] : []),
  ...(forwarded.ipv4 ? [forwardingResource(host.forwarding, resumed)] : []),
  ...(forwarded.ipv6 ? [forwarding6Resource(host.forwarding6, resumed)] : []),
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

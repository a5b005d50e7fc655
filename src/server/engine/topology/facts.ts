import type { Address } from '../../../linux/rtnetlink/address.ts'
import type { Link } from '../../../linux/rtnetlink/link.ts'
import type { Neighbour } from '../../../linux/rtnetlink/neighbour.ts'
import { type Route, routeTable } from '../../../linux/rtnetlink/route.ts'
import type { SpaceView } from './space-view.ts'

/** A host of which more is known than the kernel's table of neighbours tells: those of the lab. */
export type KnownHost = { name: string; address: string; prefixLength: number; interface: string }

/** All that the picture is made of: lists of the kernel, and the spaces as they are or would be. */
export type TopologyFacts = {
  /** Name of this host. */
  host: string
  links: readonly Link[]
  /** By the index of the link. */
  addresses: ReadonlyMap<number, readonly Address[]>
  routes: readonly Route[]
  neighbours: readonly Neighbour[]
  spaces: readonly SpaceView[]
  known: readonly KnownHost[]
  /** Milliseconds since 1970. */
  time: number
}

/** Addresses of a link beyond link-local, with their prefix lengths. Pure. */
export const addressTexts = ({ addresses }: TopologyFacts, { index }: Pick<Link, 'index'>): string[] =>
  (addresses.get(index) ?? [])
    .filter(({ address }) => !/^fe80:/i.test(address))
    .map(({ address, prefixLength }) => `${address}/${prefixLength}`)

/** Routes of the main table that lead everywhere. Pure. */
export const defaultRoutes = ({ routes }: TopologyFacts): Route[] =>
  routes
    .filter(({ destination, table }) => table === routeTable.main && destination.endsWith('/0'))
    .toSorted((a, b) => a.family - b.family || (a.priority ?? 0) - (b.priority ?? 0))

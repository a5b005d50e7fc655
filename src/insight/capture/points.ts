import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import { routeTable, routeType } from '../../linux/rtnetlink/route.ts'
import { spaceOfAlias } from '../../space/marks.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'

/** Which part of the way an interface is; one that was added is `beside` the others in this host, or `beyond` in another namespace. */
export type PointRole = 'inner' | 'host' | 'uplink' | 'beside' | 'beyond'

/** A point to be added to those of a space. */
export type AddedPoint = {
  /** Path of its namespace; undefined for that of this host. */
  where: Where
  /** What people call the namespace; without a name it is shown by its path. */
  place?: string
  interface: string
}

/** An interface on the way of a space's packets. */
export type CapturePoint = {
  role: PointRole
  /** As people know it: 'web:eth0' inside, 'veth-web', 'eth0'. Not escaped. */
  name: string
  description: string
  /** Path of its namespace; undefined for that of this host. */
  where: Where
  interface: string
  index: number
}

/** An end of the cable is not there: the space is not up, or not whole. Or a point that was to be added is not there. */
export class PointMissing extends Error {
  override readonly name = 'PointMissing'
  readonly role: Exclude<PointRole, 'uplink'>
  readonly interface: string

  constructor(role: PointMissing['role'], name: string) {
    super(
      role === 'inner' || role === 'host'
        ? `The ${role} end of the cable is not there: ${name}`
        : `There is no interface ${name}`,
    )
    this.role = role
    this.interface = name
  }
}

/**
 * The points of a space, in the order of an outbound packet: the inner end, the host end, and every link by which packets
 * may leave this host. There is none of the last kind where a space has no way outside, or this host has none. Then come those
 * that were added, but for what is a point already. Throws PointMissing, and what `Kernel` throws (NamespaceError).
 */
export const capturePoints = (
  kernel: Kernel,
  space: ResolvedSpace,
  added: readonly AddedPoint[] = [],
): CapturePoint[] => {
  const points = pointsOfSpace(kernel, space)
  for (const point of added) {
    const found = addedPoint(kernel, point)
    if (!points.some(({ where, index }) => where === found.where && index === found.index)) points.push(found)
  }
  return points
}

const addedPoint = (kernel: Kernel, { where, place, interface: name }: AddedPoint): CapturePoint => {
  const role = where === undefined ? 'beside' : 'beyond'
  const link = linkNamed(kernel.links(where), role, name)
  const namespace = place ?? where
  return {
    role,
    name: namespace === undefined ? link.name : `${namespace}:${link.name}`,
    description:
      namespace === undefined ? 'interface of this host' : `interface in the namespace ${namespace}`,
    where,
    interface: link.name,
    index: link.index,
  }
}

const pointsOfSpace = (kernel: Kernel, space: ResolvedSpace): CapturePoint[] => {
  const { name, namespacePath, hostInterface } = space
  const links = kernel.links(undefined)
  const host = linkNamed(links, 'host', hostInterface)
  const inner = linkNamed(kernel.links(namespacePath), 'inner', space.interface)
  return [
    {
      role: 'inner',
      name: `${name}:${inner.name}`,
      description: `inner end of the cable, in the namespace of ${name}`,
      where: namespacePath,
      interface: inner.name,
      index: inner.index,
    },
    {
      role: 'host',
      name: host.name,
      description: `host end of the cable of ${name}`,
      where: undefined,
      interface: host.name,
      index: host.index,
    },
    ...uplinks(kernel, space, links).map(
      (link): CapturePoint => ({
        role: 'uplink',
        name: link.name,
        description: 'uplink of this host, beyond the translation',
        where: undefined,
        interface: link.name,
        index: link.index,
      }),
    ),
  ]
}

const linkNamed = (links: readonly Link[], role: PointMissing['role'], name: string): Link => {
  const link = links.find(item => item.name === name)
  if (link === undefined) throw new PointMissing(role, name)
  return link
}

/** The pinned uplink; else the links of the default routes of both families, in any table. */
const uplinks = (kernel: Kernel, space: ResolvedSpace, links: readonly Link[]): Link[] => {
  if (space.internal) return []
  if (space.uplink !== undefined) return links.filter(link => link.name === space.uplink)
  const indices = new Set(
    kernel
      .routes(undefined)
      .filter(
        ({ destination, table, type }) =>
          /^(0\.0\.0\.0|::)\/0$/.test(destination) &&
          table !== routeTable.local &&
          type === routeType.unicast,
      )
      .map(route => route.outputIndex),
  )
  return links.filter(
    link => indices.has(link.index) && !link.loopback && spaceOfAlias(link.alias) === undefined,
  )
}

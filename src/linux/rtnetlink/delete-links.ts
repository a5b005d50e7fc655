import type { Connection, Request } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { deleteLink, deleteLinkGroup, linkMessage, listLinks, setLinkGroup } from './link.ts'

/**
 * Theory of operation. Each deletion of a link makes the kernel wait until nobody looks at it any more (an RCU grace
 * period, some milliseconds); links of one group go together, with one wait for all. So links that are to go are given a
 * group first. Its number is chosen at random, and before the group is deleted the kernel is asked who is in it: should
 * there be any link that is not meant, or should anything else go wrong, the links are deleted one by one.
 */

/** With fewer the two messages more are not worth it. */
const fewest = 3

/** A group that people and programs, who count from 1, do not choose. */
const randomGroup = (): number => 0x40000000 + Math.floor(Math.random() * 0x3fffffff)

/**
 * Removes links; of a veth pair both ends. Returns the error of each that could not be removed, such as ENODEV. Throws
 * NetlinkError, SystemError where the kernel cannot be asked. Equivalent to: `ip link delete dev NAME`, once for each
 */
export const deleteLinks = (
  route: Connection,
  indexes: readonly number[],
  group: number = randomGroup(),
): (NetlinkError | undefined)[] => {
  if (indexes.length < fewest) return errorsOf(route, indexes.map(deleteLink))
  const marked = errorsOf(
    route,
    indexes.map(index => setLinkGroup(index, group)),
  )
  const meant = new Set(indexes.filter((_, at) => marked[at] === undefined))
  const isDone = isExactly(route, group, meant) && errorsOf(route, [deleteLinkGroup(group)])[0] === undefined
  if (isDone) return marked
  return errorsOf(route, indexes.map(deleteLink))
}

const errorsOf = (route: Connection, requests: readonly Request[]): (NetlinkError | undefined)[] =>
  route.executeAll(requests).map(result => (result instanceof NetlinkError ? result : undefined))

const isExactly = (route: Connection, group: number, meant: ReadonlySet<number>): boolean => {
  const members = route
    .dump(listLinks(), linkMessage)
    .filter(({ attributes }) => attributes.group === group)
    .map(({ header }) => header.index)
  return members.length > 0 && members.every(index => meant.has(index))
}

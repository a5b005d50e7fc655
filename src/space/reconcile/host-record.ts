import { spaceOfAlias } from '../marks.ts'
import { forwardingBefore } from '../resources/forwarding.ts'
import { forwarding6Before } from '../resources/forwarding6.ts'
import { type HostRecord, newHostRecord, readHostRecord } from '../state/records.ts'
import { type Forwarded, namespaceFolder } from './desired.ts'
import type { Observation } from './observation.ts'
import type { Context } from './types.ts'

/** What has to be noted about the host before it is changed; kept as it is once noted in this boot. */
export const hostRecord = (
  { kernel, paths }: Context,
  seen: Observation,
  bootId: string,
  forwarded: Forwarded,
  adopted: ReadonlySet<string>,
): HostRecord => {
  const earlier = readHostRecord(kernel, paths)
  const record = earlier?.bootId === bootId ? earlier : newHostRecord(bootId)
  const madeFolder = record.namespaceFolder === true || seen.folder(namespaceFolder) === undefined
  // What was before the first space is what must come back, also when somebody turned it off in between.
  const turnsOn =
    forwarded.ipv4 && record.forwarding === undefined && seen.sysctl(undefined, 'net.ipv4.ip_forward') !== '1'
  const links = () =>
    [...seen.links(undefined).values()].filter(
      link => !link.loopback && spaceOfAlias(link.alias) === undefined && !adopted.has(link.name),
    )
  return {
    ...record,
    ...(turnsOn
      ? { forwarding: { before: forwardingBefore(seen), links: links().map(link => link.name) } }
      : {}),
    ...forwarding6Note(seen, record, forwarded, links),
    ...(madeFolder ? { namespaceFolder: true as const } : {}),
  }
}

/** The switches that are turned now are added to those that were noted: a link with IPv6 may have come. */
const forwarding6Note = (
  seen: Observation,
  record: HostRecord,
  forwarded: Forwarded,
  links: () => { name: string }[],
): Pick<HostRecord, 'forwarding6'> => {
  const before = forwarded.ipv6 ? forwarding6Before(seen) : {}
  const noted = record.forwarding6
  if (Object.keys(before).every(key => noted?.before[key] !== undefined)) return {}
  return {
    forwarding6: {
      before: { ...before, ...noted?.before },
      links: noted?.links ?? links().map(link => link.name),
    },
  }
}

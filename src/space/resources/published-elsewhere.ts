import { type PortRange, portCount, portsOverlap } from '../../linux/net/port.ts'
import type { KeyField } from '../../linux/nftables/index.ts'
import { NatspaceError } from '../errors.ts'
import type { Observation } from '../reconcile/observation.ts'
import { keyText } from '../ruleset/elements.ts'
import { seenElements } from '../ruleset/seen-table.ts'
import { formatPublish } from '../spec/publish.ts'
import type { Publish, ResolvedSpace, Transport } from '../spec/types.ts'

/**
 * Theory of operation. What is published for a space that is up stands in our table, in one of several maps: for every
 * address of the host or for one, as a single port or as a range. Two of these may lead the same port to two places
 * without having a key in common, and the more specific would win silently; so they are compared by what they mean.
 * Single ports are found by their number, so that ten thousand of them cost no more than one.
 */

type Family = 4 | 6

/** What an element of our maps publishes, and where it leads. */
type Taken = { address: string | undefined; range: PortRange; target: string; set: string; key: KeyField[] }

type Bucket = { singles: Map<number, Taken[]>; ranges: Taken[] }

const maps = ([4, 6] as const).flatMap(family =>
  (['', '_at', '_range', '_range_at'] as const).map(kind => ({ family, set: `publish${family}${kind}` })),
)

/** Refuses a port of the host that another space has. Throws NatspaceError PORT_TAKEN (exit 2) with the owner's name. */
export const checkPublishedElsewhere = (
  seen: Observation,
  spaces: readonly ResolvedSpace[],
  previous: ReadonlyMap<string, ResolvedSpace>,
): void => {
  if (spaces.every(({ publish }) => publish.length === 0)) return
  const buckets = bucketsOf(seen)
  for (const space of spaces) {
    // Elements that lead to any address this space has or had are its own.
    const before = previous.get(space.name)
    const own = new Set([space.address, space.ipv6?.address, before?.address, before?.ipv6?.address])
    for (const publish of space.publish)
      for (const family of familiesOf(space, publish)) {
        const bucket = buckets.get(bucketName(family, publish.protocol))
        const rival = bucket && overlapping(bucket, publish).find(({ target }) => !own.has(target))
        if (rival !== undefined) throw portTaken(seen, space, publish, rival)
      }
  }
}

const bucketName = (family: Family, protocol: Transport): string => `${family} ${protocol}`

const familiesOf = ({ ipv6 }: ResolvedSpace, { hostAddress }: Publish): Family[] => {
  if (hostAddress !== undefined) return [hostAddress.includes(':') ? 6 : 4]
  return ipv6 === undefined ? [4] : [4, 6]
}

const bucketsOf = (seen: Observation): Map<string, Bucket> => {
  const buckets = new Map<string, Bucket>()
  for (const { family, set } of maps)
    for (const { key, data } of seenElements(seen, set).values()) {
      const [ports, protocol, address] = key.toReversed()
      const range = rangeOf(ports)
      if (range === undefined || !Array.isArray(data)) continue
      const name = bucketName(family, protocol as Transport)
      const bucket = buckets.get(name) ?? { singles: new Map<number, Taken[]>(), ranges: [] }
      buckets.set(name, bucket)
      const taken = {
        address: address === undefined ? undefined : String(address),
        range,
        target: String(data[0]),
        set,
        key,
      }
      if (range.first !== range.last) bucket.ranges.push(taken)
      else bucket.singles.set(range.first, [...(bucket.singles.get(range.first) ?? []), taken])
    }
  return buckets
}

const rangeOf = (field: KeyField | undefined): PortRange | undefined => {
  if (typeof field === 'number') return { first: field, last: field }
  return typeof field === 'object' && 'first' in field
    ? { first: Number(field.first), last: Number(field.last) }
    : undefined
}

/** Those that would take packets of it, or have packets taken by it. */
const overlapping = ({ singles, ranges }: Bucket, { hostAddress, hostPort }: Publish): Taken[] => {
  const near =
    portCount(hostPort) > singles.size
      ? [...singles.values()].flat()
      : Array.from(
          { length: portCount(hostPort) },
          (_, offset) => singles.get(hostPort.first + offset) ?? [],
        ).flat()
  return [...near, ...ranges].filter(
    ({ address, range }) =>
      portsOverlap(range, hostPort) &&
      (address === undefined || hostAddress === undefined || address === hostAddress),
  )
}

/** The host end of the cable whose inside address this is. */
const ownerOf = (seen: Observation, address: string): string | undefined => {
  const sources = address.includes(':') ? 'source6' : 'source4'
  for (const { key } of seenElements(seen, sources).values())
    if (key[1] === address) return seen.link(undefined, String(key[0]))?.alias?.replace(/^natspace:/, '')
  return undefined
}

const portTaken = (
  seen: Observation,
  space: ResolvedSpace,
  publish: Publish,
  { target, set, key }: Taken,
): NatspaceError => {
  const owner = ownerOf(seen, target)
  const port = keyText(key)
  return new NatspaceError({
    code: 'PORT_TAKEN',
    exit: 2,
    what: `cannot publish ${formatPublish(publish)} for ${space.name}`,
    why: `${port} is published already, for ${owner === undefined ? target : `the space ${owner} (${target})`}`,
    evidence: [`table inet natspace, map ${set}: ${port} : ${target}`],
    fix: [
      'choose another port of the host',
      ...(owner === undefined ? [] : [`or take it away there: natspace unpublish ${owner} PORT`]),
    ],
  })
}

import type { FlowSelector } from '../../linux/conntrack/selector.ts'
import { isLoopback } from '../../linux/net/ip.ts'
import { protocolNumber } from '../../linux/net/protocol.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Operation } from '../reconcile/operation.ts'
import { keyText, type Membership, membershipsOf } from '../ruleset/elements.ts'
import { type Lead, leadsOf, leadsWithout } from '../ruleset/leads.ts'
import { dataText, seenElements } from '../ruleset/seen-table.ts'
import { innerAddresses } from '../spec/endpoints.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { StepName } from '../steps.ts'
import type { Resource } from './resource.ts'

/**
 * Theory of operation. Rules of NAT are asked for the first packet of a flow alone; connection tracking remembers the
 * answer for as long as packets come. So when a mapping changes, the flows that were begun under the old one have to be
 * forgotten, or a sender that never pauses goes on being led to where nothing answers any more, or to somebody else:
 *
 * - A port that leads elsewhere now, or nowhere: what was led to the old place through it.
 * - A port that is new: of the protocols that have no handshake, what came to it before and is not answered by the new
 *   target (as kube-proxy does). A connection of TCP has an end that knows of it, and is left to it.
 * - Another source address outside: what leaves with the old one. Translation that was missing: what leaves without.
 * - An inside address that is given up: all that began at it or is answered by it, as another space will have it one day.
 *
 * Whether something changed is told by the spec before and by the elements of the table; the flows themselves are looked
 * at only then, and by the deletion alone. Nothing undoes it: the next packet makes a flow anew.
 */
export const staleFlowResources = (space: ResolvedSpace, previous?: ResolvedSpace): Resource[] => [
  ...(previous === undefined ? [] : [flowResource(space, 'guard', () => outgrown(space, previous))]),
  flowResource(space, 'publish', seen => [
    ...(previous === undefined ? [] : closed(seen, space, previous)),
    ...opened(seen, space),
  ]),
  ...(previous === undefined
    ? []
    : [flowResource(space, 'masquerade', seen => retranslated(seen, space, previous))]),
]

/**
 * Forgets the flows of a space that goes, when nothing can make new ones: its cable goes before. In a phase of its own, so
 * that the flows of many spaces that go together are looked for once.
 */
export const releasedFlowsResource = (space: ResolvedSpace): Resource => ({
  id: `no flows of ${space.name}`,
  step: 'guard',
  phase: 'released-flows',
  space: space.name,
  drift: () => [],
  add: () => [],
  remove: () => [deletion(addressesOf(space).flatMap(flowsOf), 'guard', space.name)],
})

/** Likewise where the cable is another's: the flows that came by its published ports, as all others are not ours. */
export const publishedFlowsResource = (space: ResolvedSpace): Resource => ({
  ...releasedFlowsResource(space),
  id: `no published flows of ${space.name}`,
  remove: () => {
    const flows = leadsOf(space).map(flowsOfLead)
    return flows.length === 0 ? [] : [deletion(flows, 'publish', space.name)]
  },
})

const flowResource = (
  { name }: ResolvedSpace,
  step: StepName,
  select: (seen: Observation) => FlowSelector[],
): Resource => ({
  id: `no stale flows of ${name}: ${step}`,
  step,
  phase: 'flows',
  space: name,
  drift: () => [],
  add(seen) {
    const flows = select(seen)
    return flows.length === 0 ? [] : [deletion(flows, step, name)]
  },
  remove: () => [],
})

const deletion = (flows: FlowSelector[], step: StepName, space: string): Operation => ({
  change: { type: 'conntrack.delete', where: undefined, flows },
  undo: [],
  step,
  space,
})

const addressesOf = (space: ResolvedSpace): string[] => innerAddresses(space).map(({ address }) => address)

/** All that begins at an address, and all that it answers. */
const flowsOf = (address: string): FlowSelector[] => [{ originalSource: address }, { replySource: address }]

/** Inside addresses that the space no longer has. */
const outgrown = (space: ResolvedSpace, previous: ResolvedSpace): FlowSelector[] => {
  const kept = addressesOf(space)
  return addressesOf(previous)
    .filter(address => !kept.includes(address))
    .flatMap(flowsOf)
}

/** Every address of this host, also those of cables: a space may ask for a port of its gateway. */
const hostAddresses = (seen: Observation, family: 4 | 6): string[] =>
  [...seen.addresses(undefined).values()].flatMap(list =>
    list.filter(item => item.family === family).map(item => item.address),
  )

/** What was led through a port that does not lead there any more. */
const closed = (seen: Observation, space: ResolvedSpace, previous: ResolvedSpace): FlowSelector[] =>
  leadsWithout(leadsOf(previous), leadsOf(space), family => hostAddresses(seen, family)).map(flowsOfLead)

/** What was led through a published port. */
const flowsOfLead = ({
  family,
  protocol,
  hostAddress,
  hostPort: { first, last },
  target,
  shift,
}: Lead): FlowSelector => ({
  family,
  protocol: protocolNumber(protocol),
  ...(hostAddress === undefined ? {} : { originalDestination: hostAddress }),
  originalDestinationPort: { first, last },
  replySource: target,
  replySourcePort: { first: first + shift, last: last + shift },
  destinationTranslated: true,
})

/** What came to a port before it was published, or while it led elsewhere. */
const opened = (seen: Observation, space: ResolvedSpace): FlowSelector[] => {
  // Most spaces publish TCP alone, and have to pay nothing here.
  if (space.publish.every(({ protocol }) => protocol === 'tcp')) return []
  return newLeads(seen, space).flatMap(({ family, protocol, hostAddress, hostPort, target }) =>
    (hostAddress === undefined ? hostAddresses(seen, family) : [hostAddress]).map(address => ({
      family,
      protocol: protocolNumber(protocol),
      originalDestination: address,
      originalDestinationPort: hostPort,
      notReplySource: target,
    })),
  )
}

/** Of the protocols without a handshake: the ports whose elements are not in the table yet. */
const newLeads = (seen: Observation, space: ResolvedSpace): Lead[] => {
  const missing = membershipsOf(space)
    .filter(({ set }) => set.startsWith('publish'))
    .filter(member => !isThere(seen, member))
    .map(leadOf)
    .filter(lead => lead.protocol !== 'tcp')
  const runs: Lead[] = []
  for (const lead of missing) {
    const last = runs.at(-1)
    if (last !== undefined && follows(last, lead)) last.hostPort.last = lead.hostPort.last
    else runs.push(lead)
  }
  return runs
}

const isThere = (seen: Observation, { set, element }: Membership): boolean => {
  const found = seenElements(seen, set).get(keyText(element.key))
  return found !== undefined && dataText(found.data) === dataText(element.data)
}

const leadOf = ({ set, element: { key, data } }: Membership): Lead => {
  const [protocol, port] = key.slice(-2)
  const hostPort =
    typeof port === 'object' && 'first' in port
      ? { first: Number(port.first), last: Number(port.last) }
      : { first: Number(port), last: Number(port) }
  const [target, inner] = Array.isArray(data) ? data : []
  return {
    family: set.startsWith('publish6') ? 6 : 4,
    protocol: protocol as Lead['protocol'],
    ...(key.length > 2 ? { hostAddress: String(key[0]) } : {}),
    hostPort,
    target: String(target),
    shift: inner === undefined ? 0 : Number(inner) - hostPort.first,
  }
}

/** Whether the second continues the first, as the elements of one published range do. */
const follows = (one: Lead, other: Lead): boolean =>
  one.hostPort.last + 1 === other.hostPort.first &&
  one.family === other.family &&
  one.protocol === other.protocol &&
  one.hostAddress === other.hostAddress &&
  one.target === other.target

/** What leaves the host as somebody who the space no longer is. */
const retranslated = (seen: Observation, space: ResolvedSpace, previous: ResolvedSpace): FlowSelector[] => {
  if (space.internal || space.behind !== undefined) return []
  const families = [
    { family: 4, inside: space.address || undefined, before: previous.address } as const,
    { family: 6, inside: space.ipv6?.address, before: previous.ipv6?.address } as const,
  ]
  return families.flatMap(({ family, inside, before }): FlowSelector[] => {
    // An address that is new to the space has no flows of its own.
    if (inside === undefined || inside !== before) return []
    if (previous.internal || !seenElements(seen, `outbound${family}`).has(inside))
      return [{ originalSource: inside, originalNotTranslated: true }]
    const [source, former] = [space, previous].map(item => item.source?.[`ipv${family}`])
    if (source === former) return []
    return (former === undefined ? hostAddresses(seen, family) : [former])
      .filter(address => address !== source && !isLoopback(address))
      .map(address => ({ originalSource: inside, replyDestination: address }))
  })
}

import { ipFamily } from '../net/ip.ts'
import type { PortRange } from '../net/port.ts'
import type { Flow } from './flow.ts'
import { type FlowTuple, mirrorOf } from './tuple.ts'

/**
 * Which flows are meant, as plain data: those that agree with every field that is given. Addresses in their canonical
 * form. Equivalent to the options of: `conntrack -L …`
 */
export type FlowSelector = {
  family?: 4 | 6
  /** Number of the protocol: 17 is UDP. */
  protocol?: number
  originalSource?: string
  originalDestination?: string
  originalDestinationPort?: PortRange
  replySource?: string
  replySourcePort?: PortRange
  /** Where the answers go: the address that the original source was translated to, if it was. */
  replyDestination?: string
  /** Any source of the answers but this one. */
  notReplySource?: string
  /** Whether the reply tuple is the mirror of the original: no NAT at all. */
  originalNotTranslated?: boolean
  /** Whether the answers come from another address or port than the original destination: DNAT, or a redirection. */
  destinationTranslated?: boolean
}

/** Whether a flow agrees with every field of a selector; with an empty one every flow does. Pure. */
export const matchesFlow = (selector: FlowSelector, flow: Flow): boolean => {
  const { original, reply } = flow
  const { notReplySource, originalNotTranslated, destinationTranslated } = selector
  return (
    isSame(selector.family, flow.family) &&
    isSame(selector.protocol, original.protocol) &&
    isSame(selector.originalSource, original.source) &&
    isSame(selector.originalDestination, original.destination) &&
    isWithin(selector.originalDestinationPort, original.destinationPort) &&
    isSame(selector.replySource, reply.source) &&
    isWithin(selector.replySourcePort, reply.sourcePort) &&
    isSame(selector.replyDestination, reply.destination) &&
    (notReplySource === undefined || notReplySource !== reply.source) &&
    (originalNotTranslated === undefined || originalNotTranslated === isUntranslated(flow)) &&
    (destinationTranslated === undefined || destinationTranslated !== keepsDestination(flow))
  )
}

/**
 * Whether any of the selectors matches a flow. There may be thousands of them, and hundreds of thousands of flows, so those
 * that name a source are looked up by it.
 */
export const flowMatcher = (selectors: readonly FlowSelector[]): ((flow: Flow) => boolean) => {
  const { byOriginalSource, byReplySource, others } = indexOf(selectors)
  return flow => {
    const matches = (selector: FlowSelector) => matchesFlow(selector, flow)
    return (
      (byOriginalSource.get(flow.original.source)?.some(matches) ?? false) ||
      (byReplySource.get(flow.reply.source)?.some(matches) ?? false) ||
      others.some(matches)
    )
  }
}

type Index = {
  byOriginalSource: Map<string, FlowSelector[]>
  byReplySource: Map<string, FlowSelector[]>
  others: FlowSelector[]
}

/** Each selector in one place: by the first address that all its flows share, or among the others. */
const indexOf = (selectors: readonly FlowSelector[]): Index => {
  const index: Index = { byOriginalSource: new Map(), byReplySource: new Map(), others: [] }
  const add = (map: Map<string, FlowSelector[]>, address: string, selector: FlowSelector) => {
    const alike = map.get(address)
    if (alike) alike.push(selector)
    else map.set(address, [selector])
  }
  for (const selector of selectors)
    if (selector.originalSource !== undefined) add(index.byOriginalSource, selector.originalSource, selector)
    else if (selector.replySource !== undefined) add(index.byReplySource, selector.replySource, selector)
    else index.others.push(selector)
  return index
}

/** Whether a selector gives no field at all, and so would match every flow there is. */
export const isEmpty = (selector: FlowSelector): boolean =>
  Object.values(selector).every(value => value === undefined)

/** The family that a selector's flows are of: the given one, or that of its addresses; undefined when it may be either. */
export const familyOf = (selector: FlowSelector): 4 | 6 | undefined => {
  const { family, originalSource, originalDestination, replySource, replyDestination } = selector
  if (family !== undefined) return family
  // Not that of notReplySource: a flow of the other family has another source too.
  const address = originalSource ?? originalDestination ?? replySource ?? replyDestination
  return address === undefined ? undefined : ipFamily(address)
}

const isSame = <T>(wanted: T | undefined, found: T): boolean => wanted === undefined || wanted === found

const isWithin = (range: PortRange | undefined, port: number | undefined): boolean =>
  range === undefined || (port !== undefined && port >= range.first && port <= range.last)

const isUntranslated = ({ original, reply }: Flow): boolean => {
  const mirror = mirrorOf(original)
  return (
    sameSource(mirror, reply) &&
    mirror.destination === reply.destination &&
    mirror.destinationPort === reply.destinationPort &&
    // The identifier of a query is changed by source NAT alone.
    mirror.icmp?.id === reply.icmp?.id
  )
}

const keepsDestination = ({ original, reply }: Flow): boolean => sameSource(mirrorOf(original), reply)

const sameSource = (one: FlowTuple, other: FlowTuple): boolean =>
  one.source === other.source && one.sourcePort === other.sourcePort

import type { Link } from '../../../linux/rtnetlink/link.ts'
import { spaceOfAlias } from '../../../space/marks.ts'
import type { TopologyEdge, TopologyNode } from '../../protocol.ts'
import { addressTexts, defaultRoutes, type TopologyFacts } from './facts.ts'
import { ownerOfLink } from './link-owner.ts'

/** The links of this host that are no cables of spaces: ways out, and what belongs to others. All pure. */

/** Ports of one bridge that are drawn; of more only their number is told. */
const mostPorts = 8
/** Links of others that are drawn: a picture of hundreds shows nothing. */
const mostForeign = 40

/** Whether a link is a way out: a default route leads by it, a space is let out by it, or it is hardware of its own. */
export const isUplink = (facts: TopologyFacts, link: Link): boolean => {
  if (link.loopback) return false
  const isHardware = link.kind === undefined && link.master === undefined
  return (
    isHardware ||
    defaultRoutes(facts).some(({ outputIndex }) => outputIndex === link.index) ||
    facts.spaces.some(({ uplink }) => uplink === link.name)
  )
}

/** The ways out, in the kernel's order. */
export const uplinksOf = (facts: TopologyFacts): Link[] => {
  const cables = cableNames(facts)
  return facts.links.filter(link => !cables.has(link.name) && isUplink(facts, link))
}

const cableNames = ({ spaces }: TopologyFacts): Set<string> =>
  new Set(spaces.flatMap(({ outer }) => outer.interface ?? []))

/** Links of others, greyed: bridges with their ports, tunnels, and whatever else is up here. */
export const foreignParts = (facts: TopologyFacts): { nodes: TopologyNode[]; edges: TopologyEdge[] } => {
  const cables = cableNames(facts)
  const byIndex = new Map(facts.links.map(link => [link.index, link]))
  const isShown = (link: Link) =>
    !link.loopback &&
    !cables.has(link.name) &&
    !isUplink(facts, link) &&
    (link.up || link.kind === 'bridge' || addressTexts(facts, link).length > 0)
  const candidates = facts.links.filter(isShown)
  const portsOf = (bridge: Link) => candidates.filter(({ master }) => master === bridge.index)
  const hidden = new Set(
    facts.links
      .filter(({ index }) => candidates.some(({ master }) => master === index))
      .flatMap(bridge => portsOf(bridge).slice(mostPorts)),
  )
  const shown = candidates.filter(link => !hidden.has(link)).slice(0, mostForeign)
  const more = (bridge: Link) => Math.max(0, portsOf(bridge).length - mostPorts)
  return {
    nodes: shown.map(link => foreignNode(facts, link, byIndex.get(link.master ?? -1)?.name, more(link))),
    edges: shown.flatMap(link => {
      const bridge = byIndex.get(link.master ?? -1)
      return bridge === undefined ? [] : [portEdge(facts, link, bridge)]
    }),
  }
}

const foreignNode = (
  facts: TopologyFacts,
  link: Link,
  bridge: string | undefined,
  more: number,
): TopologyNode => {
  // A cable of ours without a record belongs to a natspace that keeps its state elsewhere.
  const owner = spaceOfAlias(link.alias) === undefined ? ownerOfLink(link, bridge) : 'natspace'
  const what = [link.kind ?? 'link', ...(owner === undefined ? [] : [`of ${owner}`])].join(' ')
  return {
    id: `foreign:${link.name}`,
    kind: 'foreign',
    name: link.name,
    lines: [
      link.up ? what : `${what}, down`,
      ...addressTexts(facts, link),
      ...(more === 0 ? [] : [`and ${more} more ports`]),
    ],
    parent: 'host',
  }
}

const portEdge = (facts: TopologyFacts, port: Link, bridge: Link): TopologyEdge => ({
  id: `bridge-port:${port.name}`,
  kind: 'bridge-port',
  from: `foreign:${port.name}`,
  to: `${isUplink(facts, bridge) ? 'link' : 'foreign'}:${bridge.name}`,
  ends: [
    { interface: port.name, addresses: addressTexts(facts, port) },
    { interface: bridge.name, addresses: addressTexts(facts, bridge) },
  ],
  up: port.up && port.carrier,
})

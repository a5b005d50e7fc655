import { isMulticast } from '../../../linux/net/ip.ts'
import { networkOf, prefixContains } from '../../../linux/net/prefix.ts'
import type { Link } from '../../../linux/rtnetlink/link.ts'
import { neighbourState } from '../../../linux/rtnetlink/neighbour.ts'
import type { EdgeEnd, TopologyEdge, TopologyNode } from '../../protocol.ts'
import { addressTexts, defaultRoutes, type TopologyFacts } from './facts.ts'
import { countersField, countersOf } from './space-view.ts'

/** What is behind a way out: its network, and the hosts there of which the kernel knows. All pure. */

/** Neighbours of one network that are drawn. */
const mostNeighbours = 8

type Parts = { nodes: TopologyNode[]; edges: TopologyEdge[] }

/** The way out itself, its network, and who is there. */
export const uplinkParts = (facts: TopologyFacts, link: Link): Parts => {
  const addresses = addressTexts(facts, link)
  const isWayOut = defaultRoutes(facts).some(({ outputIndex }) => outputIndex === link.index)
  const uplink: TopologyNode = {
    id: `link:${link.name}`,
    kind: 'uplink',
    name: link.name,
    lines: [...addresses, ...(link.up ? (link.carrier ? [] : ['no carrier']) : ['down'])],
    parent: 'host',
  }
  if (addresses.length === 0 && !isWayOut) return { nodes: [uplink], edges: [] }
  const lan = `lan:${link.name}`
  const networks = addresses.flatMap(address => (isHostRoute(address) ? [] : (networkOf(address) ?? [])))
  const [name = 'outside', ...others] = new Set(networks)
  const neighbours = neighboursOf(facts, link)
  const behind = networks.length > 0 && isWayOut && !neighbours.some(({ isRouter }) => isRouter)
  return {
    nodes: [
      uplink,
      { id: lan, kind: 'lan', name, lines: [...others, ...(behind ? ['leads outside'] : [])] },
      ...neighbours.map(({ node }) => node),
    ],
    edges: [
      {
        id: `uplink:${link.name}`,
        kind: 'uplink',
        from: uplink.id,
        to: lan,
        ends: [{ interface: link.name, addresses }, { addresses: [] }],
        up: link.up && link.carrier,
        ...countersField(countersOf(link)),
      },
      ...neighbours.map(
        ({ node, end }): TopologyEdge => ({
          id: `wire:${node.id}`,
          kind: 'wire',
          from: lan,
          to: node.id,
          ends: [{ addresses: [] }, end],
          up: link.up && link.carrier,
        }),
      ),
    ],
  }
}

const isHostRoute = (address: string): boolean => /\/(32|128)$/.test(address)

type Shown = { node: TopologyNode; end: EdgeEnd; isRouter: boolean }

/** Those that are known by name, then routers, then whoever has answered for an address of late. */
const neighboursOf = (facts: TopologyFacts, link: Link): Shown[] => {
  const networks = addressTexts(facts, link)
  const known = facts.known.filter(({ address }) =>
    networks.some(network => prefixContains(network, address)),
  )
  const routers = new Set(
    defaultRoutes(facts).flatMap(({ outputIndex, gateway }) =>
      outputIndex === link.index && gateway !== undefined ? [gateway] : [],
    ),
  )
  const named = known.map(({ name, address, prefixLength, interface: end }): Shown => {
    const text = `${address}/${prefixLength}`
    return {
      node: { id: `neighbour:${address}`, kind: 'neighbour', name, lines: [text] },
      end: { interface: end, addresses: [text] },
      isRouter: routers.has(address),
    }
  })
  const others = machinesOf(facts, link, routers).filter(
    addresses => !known.some(({ address }) => addresses.includes(address)),
  )
  const unnamed = others
    .map((addresses): Shown => {
      const [name = ''] = addresses
      const isRouter = addresses.some(address => routers.has(address))
      const lines = [...addresses.slice(1), ...(isRouter ? ['router'] : [])]
      return {
        node: { id: `neighbour:${name}`, kind: 'neighbour', name, lines },
        end: { addresses },
        isRouter,
      }
    })
    .toSorted((a, b) => Number(b.isRouter) - Number(a.isRouter))
  return [...named, ...unnamed].slice(0, Math.max(mostNeighbours, named.length))
}

/** The addresses of each neighbour: those with one hardware address are one machine. */
const machinesOf = (
  { neighbours }: TopologyFacts,
  { index }: Link,
  routers: ReadonlySet<string>,
): string[][] => {
  const usable = neighbours.filter(
    ({ index: at, address, state }) => at === index && (state & unusable) === 0 && !isMulticast(address),
  )
  const machines = new Map<string, string[]>()
  for (const { address, linkAddress, family } of usable.toSorted((a, b) => a.family - b.family)) {
    const key = linkAddress ?? address
    const isLinkLocal = family === 6 && /^fe80:/i.test(address)
    const addresses = machines.get(key) ?? []
    // A link-local address tells nobody anything, but where a router has no other.
    if (!isLinkLocal || routers.has(address)) machines.set(key, [...addresses, address])
  }
  const met = new Set(usable.map(({ address }) => address))
  const silent = [...routers].filter(address => !met.has(address)).map(address => [address])
  return [...machines.values(), ...silent]
}

const unusable = neighbourState.failed | neighbourState.incomplete | neighbourState.noArp

import { ipFamily } from '../net/ip.ts'
import { prefixContains } from '../net/prefix.ts'
import { type Route, type RouteQuery, routeProtocol, routeTable, routeType } from '../rtnetlink/route.ts'
import { refusal } from './errors.ts'
import type { FakeNamespace } from './namespace.ts'

const operation = 'RTM_GETROUTE'
const loopbackIndex = 1
const asDecided = { protocol: routeProtocol.unspecified, scope: 0, priority: undefined } as const

/**
 * The decision for one packet: the longest prefix, then the table `local` before `main` (as long as nobody adds a rule,
 * the kernel keeps both in one trie, and calls it `main`), then the lowest metric. With `inputIndex` it is the decision
 * for a packet that comes in: only forwarded where the link's switch is on, and only from a source that the reverse path
 * filter lets in. Throws NetlinkError ENODEV, ENETUNREACH, EHOSTUNREACH, EINVAL.
 */
export const lookUp = (namespace: FakeNamespace, query: RouteQuery): Route => {
  const { destination, source, inputIndex, outputIndex } = query
  for (const index of [inputIndex, outputIndex])
    if (index !== undefined && !namespace.links.has(index)) throw refusal(operation, 'ENODEV')
  if (inputIndex === undefined && source !== undefined && !isLocal(namespace, source))
    throw refusal(operation, 'ENETUNREACH')
  const found = best(namespace, destination, outputIndex)
  if (inputIndex !== undefined) checkInput(namespace, inputIndex, source, found)
  if (found === undefined) throw refusal(operation, 'ENETUNREACH')
  const isOwn = found.type === routeType.local
  const family = found.family
  return {
    ...found,
    destination: `${destination}/${family === 4 ? 32 : 128}`,
    outputIndex: isOwn ? loopbackIndex : found.outputIndex,
    preferredSource: source === undefined ? (found.preferredSource ?? sourceOf(namespace, found)) : undefined,
    ...(family === 4 ? { ...asDecided, table: routeTable.main } : {}),
  }
}

const isLocal = (namespace: FakeNamespace, address: string): boolean =>
  best(namespace, address, undefined)?.type === routeType.local

const best = (
  { routing, links }: FakeNamespace,
  destination: string,
  outputIndex: number | undefined,
): Route | undefined => {
  const length = (route: Route) => Number(route.destination.slice(route.destination.indexOf('/') + 1))
  return routing.routes
    .filter(
      route =>
        route.family === ipFamily(destination) &&
        prefixContains(route.destination, destination) &&
        (route.outputIndex === undefined ||
          links.get(route.outputIndex)?.up ||
          route.type === routeType.local) &&
        (outputIndex === undefined || route.outputIndex === outputIndex),
    )
    .sort(
      (one, other) =>
        length(other) - length(one) || other.table - one.table || (one.priority ?? 0) - (other.priority ?? 0),
    )
    .find(route => route.table === routeTable.local || route.table === routeTable.main)
}

const checkInput = (
  namespace: FakeNamespace,
  inputIndex: number,
  source: string | undefined,
  found: Route | undefined,
): void => {
  const { links, sysctls } = namespace
  const name = links.get(inputIndex)?.name
  const forwards = sysctls.read(`net/ipv4/conf/${name}/forwarding`) !== '0'
  if (found?.type !== routeType.local && !forwards) throw refusal(operation, 'EHOSTUNREACH')
  const filter = Math.max(
    ...['all', name].map(folder => Number(sysctls.read(`net/ipv4/conf/${folder}/rp_filter`) ?? 0)),
  )
  if (source === undefined || filter === 0) return
  const back = best(namespace, source, undefined)
  if (back === undefined || (filter === 1 && back.outputIndex !== inputIndex))
    throw refusal(operation, 'EINVAL')
}

/** The source address the kernel chooses: the first of the link's. */
const sourceOf = ({ routing }: FakeNamespace, route: Route): string | undefined =>
  routing
    .listAddresses()
    .find(address => address.family === route.family && address.index === route.outputIndex)?.address

import { isLinkLocal } from '../../linux/net/ip.ts'
import { type Route, routeProtocol, routeScope, routeTable } from '../../linux/rtnetlink/route.ts'
import { NatspaceError } from '../errors.ts'
import { formatPublish } from '../spec/publish.ts'
import type { Attachment, ResolvedSpace } from '../spec/types.ts'
import { readSpaceRecord, recordedNames, type SpaceRecord } from '../state/records.ts'
import { readWatchNotes } from '../state/watch-notes.ts'
import { compare } from './drift.ts'
import { defaultUplink } from './facts.ts'
import { Observation } from './observation.ts'
import { once } from './once.ts'
import type { Drift } from './operation.ts'
import { policyOf, refusedBy } from './policy.ts'
import { reachReader } from './reach.ts'
import type { Context, PublishedStatus, SpaceStatus } from './types.ts'
import { doWork, doWorkWatched, eachOf, type Work } from './work.ts'

/** One route as `ip route` prints it. */
const routeText = (route: Route, device: string): string =>
  [
    /\/0$/.test(route.destination) ? 'default' : route.destination,
    ...(route.gateway === undefined ? [] : [`via ${route.gateway}`]),
    `dev ${device}`,
    ...(route.protocol === routeProtocol.kernel ? ['proto kernel'] : []),
    ...(route.scope === routeScope.link ? ['scope link'] : []),
    ...(route.preferredSource === undefined ? [] : [`src ${route.preferredSource}`]),
    // `ip -6 route` prints the metric of every route, as all have one.
    ...(route.priority ? [`metric ${route.priority}`] : []),
  ].join(' ')

const statusOf = (
  seen: Observation,
  space: ResolvedSpace,
  anyUplink: string | undefined,
  published: PublishedStatus[],
  drift: Drift[],
): SpaceStatus => {
  const { namespacePath: where, hostInterface, interface: inner } = space
  const host = seen.link(undefined, hostInterface)
  const peer = seen.link(where, inner)
  // Link-local routes and the like, which the kernel keeps for every link with IPv6, tell nobody anything.
  const main = ({ table, destination }: Route) =>
    table === routeTable.main && !/^(fe80|ff00):/.test(destination)
  const counters = peer?.counters
  const refused = refusedBy(seen, space)
  return {
    name: space.name,
    namespace: where,
    healthy: drift.length === 0,
    interface: { host: hostInterface, inner },
    addresses: (peer === undefined ? [] : (seen.addresses(where).get(peer.index) ?? []))
      .filter(({ address }) => !isLinkLocal(address))
      .map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    gateway: space.gateway,
    ...(space.ipv6 === undefined ? {} : { gateway6: space.ipv6.gateway }),
    ...(space.attachment === undefined ? {} : { attachment: withoutPath(space.attachment) }),
    ...(space.behind === undefined ? {} : { behind: space.behind }),
    ...(space.tuning === undefined ? {} : { tuning: space.tuning }),
    uplink: space.internal || space.behind !== undefined ? undefined : (space.uplink ?? anyUplink),
    publish: space.publish.map(formatPublish),
    published,
    policy: policyOf(space),
    ...(refused === undefined ? {} : { refused }),
    routes: {
      host: (host === undefined ? [] : seen.routesBy(undefined, host.index))
        .filter(main)
        .map(route => routeText(route, hostInterface)),
      inner: seen
        .routes(where)
        .filter(main)
        .map(route => routeText(route, seen.linkName(where, route.outputIndex) ?? 'unknown')),
    },
    counters: {
      receivedPackets: Number(counters?.receivedPackets ?? 0n),
      sentPackets: Number(counters?.sentPackets ?? 0n),
      receivedBytes: Number(counters?.receivedBytes ?? 0n),
      sentBytes: Number(counters?.sentBytes ?? 0n),
    },
    drift,
  }
}

const withoutPath = ({ namespacePath: _, ...attachment }: Attachment): Omit<Attachment, 'namespacePath'> =>
  attachment

/**
 * What is observed of the named spaces (default: of all), and how it differs from what was asked for. Changes nothing.
 * Throws NatspaceError NOT_FOUND for a name without a record.
 */
export const status = (context: Context, names?: readonly string[]): SpaceStatus[] =>
  doWork(readStatus(context, names))

/** As `status`, while somebody looks on. Throws NatspaceError STOPPED too. */
export const statusWatched = (context: Context, names?: readonly string[]): Promise<SpaceStatus[]> =>
  doWorkWatched(readStatus(context, names), context.onlooker)

function* readStatus({ kernel, paths }: Context, names?: readonly string[]): Work<SpaceStatus[]> {
  const seen = new Observation(kernel)
  const known = recordedNames(kernel, paths)
  // By way of the observation, which compares the texts afterwards.
  const files = { readFile: (path: string) => seen.file(path) }
  const records = (names ?? known).map((name): SpaceRecord => {
    const record = readSpaceRecord(files, paths, name)
    if (record !== undefined) return record
    throw notFound(name, known)
  })
  if (records.length === 0) return []
  const { shared, spaces } = yield* compare({ kernel, paths }, seen, records)
  const anyUplink = defaultUplink(seen)
  const reachOf = reachReader(seen)
  const notes = once(() => readWatchNotes(kernel, paths))
  return yield* eachOf(records, { phase: 'describing', mayEnd: true }, record => {
    const { own = [], lacking = [] } = spaces.get(record.space.name) ?? {}
    const drift = [...shared, ...own, ...lacking]
    const noted = drift.length === 0 ? undefined : notes().get(record.space.name)
    const status = statusOf(seen, record.space, anyUplink, reachOf(record.space), drift)
    return [noted === undefined ? status : { ...status, noted }]
  })
}

/** The error for a name without a record. */
export const notFound = (name: string, known: readonly string[]): NatspaceError =>
  new NatspaceError({
    code: 'NOT_FOUND',
    exit: 1,
    what: `cannot find the space ${name}`,
    why: 'natspace has no record of it',
    evidence: [`spaces: ${known.join(', ') || 'none'}`],
    fix: [`natspace up ${name}`],
  })

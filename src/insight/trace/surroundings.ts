import type { Where } from '../../linux/change.ts'
import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { prefixContains } from '../../linux/net/prefix.ts'
import { neighbourState } from '../../linux/rtnetlink/neighbour.ts'
import { routeType } from '../../linux/rtnetlink/route.ts'
import { interfaceSysctl } from '../../linux/sysctl.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { outboundDecisions, type WayDecision } from '../walk/route-decisions.ts'
import type { Barrier, LinkTrouble, SilentNeighbour } from './observation.ts'

/** What decides about packets beside rules: routes, neighbours, links, settings. Asked once the probe is over. */

const indexOf = (kernel: Kernel, where: Where, name: string): number | undefined =>
  kernel.links(where).find(link => link.name === name)?.index

/** The four look-ups of the probe and its answer; none where an end of the cable is missing. */
export const decisionsOf = (
  kernel: Kernel,
  { namespacePath: space, interface: inner, hostInterface }: ResolvedSpace,
  original: FlowTuple,
  reply: FlowTuple | undefined,
): WayDecision[] => {
  const [innerIndex, hostIndex] = [indexOf(kernel, space, inner), indexOf(kernel, undefined, hostInterface)]
  if (innerIndex === undefined || hostIndex === undefined) return []
  return outboundDecisions(kernel, { space, host: undefined, innerIndex, hostIndex }, original, reply)
}

/** Where a decision sends a packet next. */
const nextHop = ({
  decision,
}: WayDecision): { device: string; index: number; address: string } | undefined =>
  decision.found && decision.type === 'unicast' && decision.device !== undefined
    ? {
        device: decision.device.name ?? '',
        index: decision.device.index,
        address: decision.gateway ?? decision.question.destination,
      }
    : undefined

/** Next hops of the way out that were asked for their link address in vain. */
export const silentNeighbours = (
  kernel: Kernel,
  space: string,
  decisions: readonly WayDecision[],
): SilentNeighbour[] =>
  decisions
    .filter(({ at }) => at === 'space-output' || at === 'host-forward')
    .flatMap((decision): SilentNeighbour[] => {
      const at = decision.at === 'space-output' ? 'inside' : 'host'
      const hop = nextHop(decision)
      if (hop === undefined) return []
      const known = kernel
        .neighbours(at === 'inside' ? space : undefined)
        .find(({ index, address }) => index === hop.index && address === hop.address)
      const isSilent =
        known !== undefined && (known.state & (neighbourState.incomplete | neighbourState.failed)) !== 0
      return isSilent ? [{ at, interface: hop.device, address: hop.address }] : []
    })

const forbidding = ['blackhole', 'unreachable', 'prohibit'] as const

/** The kernel refuses to answer where a route forbids, and does not tell which. */
export const barriersOf = (kernel: Kernel, space: string, decisions: readonly WayDecision[]): Barrier[] =>
  decisions
    .filter(({ decision }) => !decision.found)
    .flatMap(({ where, decision }) =>
      kernel.routes(where).flatMap((route): Barrier[] => {
        const kind = forbidding.find(name => routeType[name] === route.type)
        const fits = prefixContains(route.destination, decision.question.destination)
        if (kind === undefined || !fits) return []
        const place = where === space ? 'inside' : 'host'
        return [{ at: place, kind, destination: route.destination, table: route.table }]
      }),
    )

/** Links of the way that nothing passes. */
export const linkTroubles = (
  kernel: Kernel,
  { namespacePath, interface: inner, hostInterface }: ResolvedSpace,
  decisions: readonly WayDecision[],
): LinkTrouble[] => {
  const forward = decisions.find(({ at }) => at === 'host-forward')
  const uplink = forward === undefined ? undefined : nextHop(forward)?.device
  const troubles = (at: LinkTrouble['at'], where: Where, names: readonly string[]): LinkTrouble[] => {
    const links = kernel.links(where)
    return names.flatMap(name => {
      const link = links.find(item => item.name === name)
      const state =
        link === undefined ? 'missing' : !link.up ? 'down' : !link.carrier ? 'no-carrier' : undefined
      return state === undefined ? [] : [{ at, interface: name, state }]
    })
  }
  return [
    ...troubles('inside', namespacePath, [inner]),
    ...troubles('host', undefined, [hostInterface, ...(uplink === undefined ? [] : [uplink])]),
  ]
}

/** Settings that decide whether a packet from the space, or its answer, is passed on. */
export const settingsOf = (
  kernel: Kernel,
  { hostInterface }: ResolvedSpace,
  family: 4 | 6,
  decisions: readonly WayDecision[],
): Record<string, string> => {
  const forward = decisions.find(({ at }) => at === 'host-forward')
  const uplink = forward === undefined ? undefined : nextHop(forward)?.device
  const keys =
    family === 4
      ? [
          'net.ipv4.ip_forward',
          ...['all', hostInterface, uplink].flatMap(name =>
            name === undefined
              ? []
              : ['forwarding', 'rp_filter'].map(leaf => interfaceSysctl('ipv4', name, leaf)),
          ),
        ]
      : ['all', hostInterface, uplink].flatMap(name =>
          name === undefined
            ? []
            : ['forwarding', 'force_forwarding', 'disable_ipv6'].map(leaf =>
                interfaceSysctl('ipv6', name, leaf),
              ),
        )
  return Object.fromEntries(
    keys.flatMap(key => {
      const value = kernel.sysctl(undefined, key)
      return value === undefined ? [] : [[key, value]]
    }),
  )
}

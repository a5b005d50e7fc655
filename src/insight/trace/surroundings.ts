import type { Where } from '../../linux/change.ts'
import { type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { neighbourState } from '../../linux/rtnetlink/neighbour.ts'
import { interfaceSysctl } from '../../linux/sysctl.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import {
  inboundDecisions,
  outboundDecisions,
  type RoutedKernel,
  type WayDecision,
} from '../walk/route-decisions.ts'
import { barriersOf } from './barriers.ts'
import { arrivedTuple } from './join.ts'
import type { LinkTrouble, SilentNeighbour, TimedPacket, TraceObservation } from './observation.ts'

/** What decides about packets beside rules: routes, neighbours, links, settings. Asked once the packet's way is over. */

/** What has to be asked of the kernel for it. */
export type AskedKernel = RoutedKernel & Pick<Kernel, 'neighbours' | 'sysctl'>

/** A flow as far as it is known when that is asked. */
export type AskedFlow = Pick<TraceObservation, 'direction' | 'tuple' | 'entry'> & {
  family: 4 | 6
  /** How it was sent, where the space translates what leaves it: `tuple` is how it came to the host. */
  sent?: FlowTuple
  /** Its request in the host, and the answer there. */
  request: TimedPacket | undefined
  reply: TimedPacket | undefined
}

/** All that is asked. Throws what the questions to `Kernel` throw. */
export const surroundingsOf = (
  kernel: AskedKernel,
  space: ResolvedSpace,
  flow: AskedFlow,
): Pick<TraceObservation, 'decisions' | 'settings' | 'barriers' | 'silent' | 'links'> => {
  const decisions = decisionsOf(kernel, space, flow)
  const input = flow.request?.hooks[0]?.input?.name
  const uplink = flow.direction === 'out' ? nextHopAt(decisions, 'host-forward')?.device : input
  return {
    decisions,
    settings: settingsOf(kernel, space, flow.family, uplink),
    barriers: barriersOf(kernel, space.namespacePath, decisions),
    silent: silentNeighbours(kernel, space.namespacePath, flow.direction, decisions),
    links: linkTroubles(kernel, space, uplink),
  }
}

const indexOf = (kernel: AskedKernel, where: Where, name: string): number | undefined =>
  kernel.links(where).find(link => link.name === name)?.index

/** The look-ups of the flow and its answers; none where an end of the cable is missing. */
const decisionsOf = (
  kernel: AskedKernel,
  { namespacePath: space, interface: inner, hostInterface }: ResolvedSpace,
  { direction, tuple, sent, entry, request, reply: answer }: AskedFlow,
): WayDecision[] => {
  const [innerIndex, hostIndex] = [indexOf(kernel, space, inner), indexOf(kernel, undefined, hostInterface)]
  if (innerIndex === undefined || hostIndex === undefined) return []
  const marks = { request: markAtRouting(request), reply: markAtRouting(answer) }
  const way = { space, host: undefined, innerIndex, hostIndex, marks }
  // What has no connection was translated as far as it came.
  const reply = mirrorOf(arrivedTuple({ tuple, entry }, request))
  if (direction === 'out') return outboundDecisions(kernel, way, tuple, reply, sent)
  const uplinkIndex = request?.hooks[0]?.input?.index
  return inboundDecisions(
    kernel,
    { ...way, ...(uplinkIndex === undefined ? {} : { uplinkIndex }) },
    tuple,
    reply,
  )
}

const markAtRouting = (packet: TimedPacket | undefined): number | undefined =>
  packet?.hooks.find(({ hook }) => hook === 'prerouting')?.mark

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

const nextHopAt = (decisions: readonly WayDecision[], at: WayDecision['at']) => {
  const decision = decisions.find(item => item.at === at)
  return decision && nextHop(decision)
}

/** Next hops that were asked for their link address in vain; of a flow from the space those of the way out. */
const silentNeighbours = (
  kernel: AskedKernel,
  space: string,
  direction: TraceObservation['direction'],
  decisions: readonly WayDecision[],
): SilentNeighbour[] =>
  decisions
    .filter(({ at }) => direction === 'in' || at === 'space-output' || at === 'host-forward')
    .flatMap((decision): SilentNeighbour[] => {
      const at = decision.where === space ? 'inside' : 'host'
      const hop = nextHop(decision)
      if (hop === undefined) return []
      const known = kernel
        .neighbours(at === 'inside' ? space : undefined)
        .find(({ index, address }) => index === hop.index && address === hop.address)
      const isSilent =
        known !== undefined && (known.state & (neighbourState.incomplete | neighbourState.failed)) !== 0
      return isSilent ? [{ at, interface: hop.device, address: hop.address }] : []
    })

/** Links of the way that nothing passes. */
const linkTroubles = (
  kernel: AskedKernel,
  { namespacePath, interface: inner, hostInterface }: ResolvedSpace,
  uplink: string | undefined,
): LinkTrouble[] => {
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

/** Settings that decide whether a packet from the space, or to it, is passed on. */
const settingsOf = (
  kernel: AskedKernel,
  { hostInterface }: ResolvedSpace,
  family: 4 | 6,
  uplink: string | undefined,
): Record<string, string> => {
  const names = ['all', hostInterface, ...(uplink === undefined ? [] : [uplink])]
  const [version, leaves] =
    family === 4
      ? (['ipv4', ['forwarding', 'rp_filter']] as const)
      : (['ipv6', ['forwarding', 'force_forwarding', 'disable_ipv6']] as const)
  const keys = [
    ...(family === 4 ? ['net.ipv4.ip_forward'] : []),
    ...names.flatMap(name => leaves.map(leaf => interfaceSysctl(version, name, leaf))),
  ]
  return Object.fromEntries(
    keys.flatMap(key => {
      const value = kernel.sysctl(undefined, key)
      return value === undefined ? [] : [[key, value]]
    }),
  )
}

import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { waitReadable } from '../../linux/sys/poll.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { FlowWatcher } from '../walk/conntrack-entry.ts'
import { counterEvidence, readCounters } from '../walk/drop-counters.ts'
import { DropWatcher, type KernelDrop } from '../walk/drop-reasons.ts'
import { legacyTables } from '../walk/legacy-tables.ts'
import { TracingUnavailableError } from '../walk/trace-instance.ts'
import type { TracedFlow } from '../walk/traced-flow.ts'
import { joinPackets, leftTuple } from './join.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'
import { isDropped, PlaceObserver } from './place-observer.ts'
import { Probe, type ProbeOptions, type ProbeTarget } from './probe.ts'
import { surroundingsOf } from './surroundings.ts'
import { tracedSpace } from './traced-space.ts'

/**
 * Theory of operation. Everything listens before the probe is sent: the rules of the space and of the host, the host's
 * connection tracking, and the kernel's reasons for drops. Then it is waited until the probe is answered, its time is over,
 * or it is certain that it was dropped. What can be asked afterwards (routes, neighbours, settings) is asked at the end.
 */

export type TraceOptions = ProbeOptions & {
  /** Milliseconds to wait for an answer. */
  timeout: number
  /** Called between two waits of some milliseconds: where a signal gets its turn. True ends the trace. */
  pause?: () => Promise<boolean>
}

/** A wait; afterwards signals get their turn. Milliseconds. */
const slice = 20
/** How long the answer of whoever dropped a packet is waited for. Milliseconds. */
const settling = 60

/**
 * Sends a probe from inside a space and returns all that was seen of it. Undefined when `pause` ended it. Nothing is left
 * behind, however it ends. Throws SystemError, NetlinkError, NamespaceError, BatchError (EPERM without CAP_NET_ADMIN).
 */
export const observeProbe = async (
  kernel: Kernel,
  space: ResolvedSpace,
  target: ProbeTarget,
  options: TraceOptions,
): Promise<TraceObservation | undefined> => {
  const { namespacePath: path } = space
  using probe = Probe.open(path, target, ownAddress(space, target.family), options)
  const watched = hostFlow(probe.tuple, target.family)
  const isTranslating = translatesInside(kernel, path)
  const flowsOfHost = [watched, ...(isTranslating ? [anyOf(watched)] : [])]
  using flows = FlowWatcher.open(kernel, undefined, flowsOfHost)
  using drops = openDrops(space, target.family)
  const before = { inside: readCounters(path), host: readCounters(undefined) }
  // Last, as others may send much to the same host: what is not read in time is lost.
  using inside = new PlaceObserver(kernel, path, {
    flows: [insideFlow(probe.tuple, target.family)],
    byConnection: isTranslating,
  })
  using host = new PlaceObserver(kernel, undefined, { flows: flowsOfHost, byConnection: true })
  inside.read()
  const packets: Record<'inside' | 'host', TimedPacket[]> = { inside: [], host: [] }

  const end = performance.now() + options.timeout
  let deadline = end
  const sentAt = Date.now() / 1000
  let answer = probe.send()
  if (answer.type !== 'none') deadline = performance.now()
  const descriptors = [probe.descriptor, inside.descriptor, host.descriptor, flows.descriptor]
  while (answer.type === 'none' && performance.now() < deadline) {
    waitReadable(descriptors, Math.max(0, Math.min(slice, deadline - performance.now())))
    // First, as its time counts.
    answer = probe.check()
    packets.inside.push(...inside.read())
    packets.host.push(...host.read())
    flows.read()
    const left = leftTuple({ tuple: probe.tuple, inside: packets.inside })
    if (isDropped(packets.host, left) || isDropped(packets.inside, probe.tuple))
      deadline = Math.min(deadline, performance.now() + settling)
    if (await options.pause?.()) return undefined
  }
  // Before anything is asked, as questions make packets too.
  const dropped = drops?.read().flatMap(news => (news.type === 'drop' ? [newsOfDrop(news)] : []))
  flows.read()
  packets.inside.push(...inside.finish())
  packets.host.push(...host.finish())
  const left = leftTuple({ tuple: probe.tuple, inside: packets.inside })
  const found = flows.find(left)?.entry
  const entry = found && { flow: found.flow, translations: found.translations }
  const flow = { direction: 'out', tuple: probe.tuple, entry } as const
  const traced = tracedSpace(kernel, space)
  const { request, reply } = joinPackets({ ...flow, ...packets, space: traced })
  const asked = surroundingsOf(kernel, space, {
    ...flow,
    tuple: left,
    sent: probe.tuple,
    family: target.family,
    request: request.host,
    reply: reply.host,
  })
  return {
    space: traced,
    ...flow,
    target,
    isOld: false,
    sentAt,
    answer,
    timeout: options.timeout,
    ...packets,
    ...asked,
    silent: answer.type === 'answered' ? [] : asked.silent,
    drops: dropped,
    counters: {
      inside: counterEvidence(before.inside, readCounters(path)),
      host: counterEvidence(before.host, readCounters(undefined)),
    },
    legacy: legacyTables(undefined),
    hasGap: inside.gaps + host.gaps > 0,
  }
}

const newsOfDrop = ({ reason, location, device }: KernelDrop) => ({ reason, location, device })

const ownAddress = (space: ResolvedSpace, family: 4 | 6): string =>
  family === 4 ? space.address || '0.0.0.0' : (space.ipv6?.address ?? '::')

/** Whether the space has rules of its own that may translate what it sends. */
const translatesInside = (kernel: Kernel, path: string): boolean =>
  kernel
    .ruleset(path, { only: 'chains' })
    .tables.some(({ chains }) => chains.some(({ type }) => type === 'nat'))

/** Where the space translates what it sends, only its address is known of what comes to the host. */
const anyOf = ({ family, protocol, source }: TracedFlow): TracedFlow => ({
  family,
  ...(protocol === undefined ? {} : { protocol }),
  source: { ...(source?.address === undefined ? {} : { address: source.address }) },
})

/** In the space the probe's own end tells its packets from all others. */
const insideFlow = (tuple: FlowTuple, family: 4 | 6): TracedFlow => {
  const { source, sourcePort, protocol } = tuple
  return sourcePort === undefined
    ? hostFlow(tuple, family)
    : { family, protocol, source: { address: source, port: sourcePort } }
}

const hostFlow = (
  { source, sourcePort, destination, destinationPort, protocol, icmp }: FlowTuple,
  family: 4 | 6,
): TracedFlow => ({
  family,
  protocol,
  source: { address: source, ...(sourcePort === undefined ? {} : { port: sourcePort }) },
  destination: {
    address: destination,
    ...(destinationPort === undefined ? {} : { port: destinationPort }),
  },
  ...(icmp === undefined ? {} : { icmpId: icmp.id }),
})

const openDrops = ({ hostInterface }: ResolvedSpace, family: 4 | 6): DropWatcher | undefined => {
  try {
    return DropWatcher.open({ families: [family], devices: [hostInterface] })
  } catch (error) {
    // Only root of the machine is told; others have the counters.
    if (error instanceof TracingUnavailableError) return undefined
    throw error
  }
}

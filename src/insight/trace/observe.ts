import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { waitReadable } from '../../linux/sys/poll.ts'
import { spaceOfAlias } from '../../space/marks.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { FlowWatcher } from '../walk/conntrack-entry.ts'
import { counterEvidence, readCounters } from '../walk/drop-counters.ts'
import { DropWatcher, type KernelDrop } from '../walk/drop-reasons.ts'
import { legacyTables } from '../walk/legacy-tables.ts'
import { TracingUnavailableError } from '../walk/trace-instance.ts'
import type { TracedFlow } from '../walk/traced-flow.ts'
import type { TraceObservation } from './observation.ts'
import { PlaceObserver } from './place-observer.ts'
import { Probe, type ProbeOptions, type ProbeTarget } from './probe.ts'
import { barriersOf, decisionsOf, linkTroubles, settingsOf, silentNeighbours } from './surroundings.ts'

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
  const flow = hostFlow(probe.tuple, target.family)
  using flows = FlowWatcher.open(kernel, undefined, [flow])
  using drops = openDrops(space, target.family)
  const before = { inside: readCounters(path), host: readCounters(undefined) }
  // Last, as others may send much to the same host: what is not read in time is lost.
  using inside = new PlaceObserver(kernel, path, insideFlow(probe.tuple, target.family))
  using host = new PlaceObserver(kernel, undefined, flow)
  inside.read()

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
    inside.read()
    host.read()
    flows.read()
    if (host.isDropped(probe.tuple) || inside.isDropped(probe.tuple))
      deadline = Math.min(deadline, performance.now() + settling)
    if (await options.pause?.()) return undefined
  }
  // Before anything is asked, as questions make packets too.
  const dropped = drops?.read().flatMap(news => (news.type === 'drop' ? [newsOfDrop(news)] : []))
  flows.read()
  const entry = flows.find(probe.tuple)?.entry
  const decisions = decisionsOf(kernel, space, probe.tuple, entry?.flow.reply)
  return {
    space: {
      name: space.name,
      interface: space.interface,
      hostInterface: space.hostInterface,
      cables: kernel
        .links(undefined)
        .filter(({ alias }) => spaceOfAlias(alias) !== undefined)
        .map(({ name }) => name),
      addresses: [space.address, ...(space.ipv6 === undefined ? [] : [space.ipv6.address])],
      isLimited: space.egress !== undefined,
      isInternal: space.internal,
    },
    target,
    tuple: probe.tuple,
    sentAt,
    answer,
    timeout: options.timeout,
    inside: inside.finish(),
    host: host.finish(),
    entry: entry && { flow: entry.flow, translations: entry.translations },
    decisions,
    settings: settingsOf(kernel, space, target.family, decisions),
    barriers: barriersOf(kernel, path, decisions),
    silent: answer.type === 'answered' ? [] : silentNeighbours(kernel, path, decisions),
    links: linkTroubles(kernel, space, decisions),
    drops: dropped,
    counters: {
      inside: counterEvidence(before.inside, readCounters(path)),
      host: counterEvidence(before.host, readCounters(undefined)),
    },
    legacy: legacyTables(undefined),
    hasGap: inside.hasGap || host.hasGap,
  }
}

const newsOfDrop = ({ reason, location, device }: KernelDrop) => ({ reason, location, device })

const ownAddress = (space: ResolvedSpace, family: 4 | 6): string =>
  family === 4 ? space.address : (space.ipv6?.address ?? '::')

/** Nothing is translated in the space, so there the probe's own end tells its packets from all others. */
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

import { observeProbe } from '../insight/trace/observe.ts'
import { storyOf } from '../insight/trace/story.ts'
import type { Kernel } from '../linux/kernel.ts'
import { PROTOCOL_NUMBER } from '../linux/net/protocol.ts'
import type { ResolvedSpace } from '../space/spec/types.ts'
import { type LabPoint, PointCaptures } from './captures.ts'
import { identifier, labFailed, network } from './places.ts'
import { rowsOf, type Selection } from './sightings.ts'
import type { Walk } from './way.ts'

const { space, uplink } = network

/** Where an outbound packet comes by, in the order of its way. */
export const outboundPoints: readonly LabPoint[] = [
  { place: 'myspace', interface: space.interface },
  { place: 'host1', interface: space.hostInterface },
  { place: 'host1', interface: uplink },
  { place: 'host2', interface: uplink },
]

/** Echo request and echo reply (RFC 792). */
const echoTypes = { request: 8, reply: 0 }

/** Selects the echo requests, or the replies. */
export const isEcho =
  (type: keyof typeof echoTypes): Selection =>
  ({ protocol, icmpType }) =>
    protocol === PROTOCOL_NUMBER.icmp && icmpType === echoTypes[type]

/**
 * One echo from the space to host2: sends it and watches it everywhere at the same time. `milliseconds`: how long to wait for the answer. Throws what
 * `observeProbe` and `PointCaptures.open` throw.
 */
export const walkEcho = async (
  kernel: Kernel,
  resolved: ResolvedSpace,
  milliseconds: number,
  points: readonly LabPoint[] = outboundPoints,
): Promise<Walk> => {
  using captures = PointCaptures.open(kernel, points, 'icmp')
  const target = { family: 4, protocol: 'icmp', address: network.host2 } as const
  const seen = await observeProbe(kernel, resolved, target, { timeout: milliseconds, sourcePort: identifier })
  if (seen === undefined) throw labFailed('the echo was interrupted')
  const rows = rowsOf(points, captures.read(), isEcho('request'), isEcho('reply'))
  return { seen, story: storyOf(seen), rows }
}

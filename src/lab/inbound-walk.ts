import { observeFlows } from '../insight/follow/observe-flows.ts'
import type { Kernel } from '../linux/kernel.ts'
import { tcpFlags } from '../linux/packet/index.ts'
import type { ResolvedSpace } from '../space/spec/types.ts'
import { type LabPoint, PointCaptures } from './captures.ts'
import { labFailed, network } from './places.ts'
import { type LabRow, rowsOf, type Selection } from './sightings.ts'
import type { Walk } from './way.ts'

/** What `meet` made of a connection from host2, and how its first packet and the answer to it walked. */
export type InboundWalk<T> = { met: T; walk: Walk }

const { space, uplink } = network

/** Where an inbound packet comes by, in the order of its way. */
export const inboundPoints: readonly LabPoint[] = [
  { place: 'host2', interface: uplink },
  { place: 'host1', interface: uplink },
  { place: 'host1', interface: space.hostInterface },
  { place: 'myspace', interface: space.interface },
]

const { syn, ack } = tcpFlags
const opens: Selection = ({ tcpFlags: flags }) => flags === syn
const accepts: Selection = ({ tcpFlags: flags }) => flags === (syn | ack)

/**
 * Watches the published port everywhere while `meet` lets host2 connect to it. `milliseconds`: in which the connection has to
 * be answered. Throws what `observeFlows` and
 * `PointCaptures.open` throw; NatspaceError LAB_FAILED when no connection was seen.
 */
export const walkPublished = async <T>(
  kernel: Kernel,
  resolved: ResolvedSpace,
  milliseconds: number,
  meet: () => T,
): Promise<InboundWalk<T>> => {
  using captures = PointCaptures.open(kernel, inboundPoints, 'tcp')
  const meetings: T[] = []
  const flows = await observeFlows(kernel, resolved, { direction: 'in', timeout: milliseconds }, async () => {
    meetings.push(meet())
  })
  const flow = flows.find(({ story }) => story.tuple.destinationPort === space.publishedPort)
  const [met] = meetings
  if (flow === undefined || met === undefined)
    throw labFailed(`nothing was seen of a connection to port ${space.publishedPort}`)
  const rows = rowsOf(inboundPoints, captures.read(), opens, accepts)
  return { met, walk: { seen: flow.observation, story: flow.story, rows } }
}

/** The client's port, as host2 has it: chosen by its kernel. */
export const clientPort = (rows: readonly LabRow[]): number | undefined => rows[0]?.request?.header.sourcePort

import { FlowFollower } from '../insight/follow/flow-follower.ts'
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

/** Milliseconds in which the connection has to be answered, and its story to be told. */
const patience = 2000
const slice = 50

const { syn, ack } = tcpFlags
const opens: Selection = ({ tcpFlags: flags }) => flags === syn
const accepts: Selection = ({ tcpFlags: flags }) => flags === (syn | ack)

/**
 * Watches the published port everywhere while `meet` lets host2 connect to it. Throws what `FlowFollower` and
 * `PointCaptures.open` throw; NatspaceError LAB_FAILED when no connection was seen.
 */
export const walkPublished = <T>(kernel: Kernel, resolved: ResolvedSpace, meet: () => T): InboundWalk<T> => {
  using captures = PointCaptures.open(kernel, inboundPoints, 'tcp')
  using follower = new FlowFollower(kernel, resolved, { direction: 'in', timeout: patience })
  const met = meet()
  const rows = rowsOf(inboundPoints, captures.read(), opens, accepts)
  return { met, walk: { ...follow(follower), rows } }
}

const follow = (follower: FlowFollower): Pick<Walk, 'seen' | 'story'> => {
  const end = performance.now() + 2 * patience
  while (performance.now() < end) {
    for (const news of follower.turn())
      if (news.type === 'flow' && news.story.tuple.destinationPort === space.publishedPort)
        return { seen: news.observation, story: news.story }
    follower.wait(slice)
  }
  throw labFailed(`nothing was seen of a connection to port ${space.publishedPort}`)
}

/** The client's port, as host2 has it: chosen by its kernel. */
export const clientPort = (rows: readonly LabRow[]): number | undefined => rows[0]?.request?.header.sourcePort

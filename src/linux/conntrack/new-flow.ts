import { ipFamily } from '../net/ip.ts'
import type { Flow } from './flow.ts'
import { flowStatus } from './status.ts'
import { mirrorOf } from './tuple.ts'

/** What is said of a flow that the kernel in memory is to know; all but the original tuple may be left out. */
export type FlowFacts = Pick<Flow, 'original'> & Partial<Omit<Flow, 'id' | 'family'>>

/** A whole flow: without a reply tuple it is not translated, and the status follows from the tuples. */
export const newFlow = (facts: FlowFacts, id: number): Flow => {
  const { original } = facts
  const mirror = mirrorOf(original)
  const reply = facts.reply ?? mirror
  const hasSameSource = reply.source === mirror.source && reply.sourcePort === mirror.sourcePort
  const hasSameDestination =
    reply.destination === mirror.destination && reply.destinationPort === mirror.destinationPort
  return {
    family: ipFamily(original.source) ?? 4,
    reply,
    // What is the source of the answers is the destination of the first packet, and the other way round.
    status:
      flowStatus.confirmed |
      (hasSameSource ? 0 : flowStatus.destinationNat) |
      (hasSameDestination ? 0 : flowStatus.sourceNat),
    timeout: 30,
    state: undefined,
    mark: 0,
    zone: 0,
    counters: undefined,
    use: 1,
    ...facts,
    id,
  }
}

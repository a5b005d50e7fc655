import type { Story } from '../../../insight/trace/story.ts'
import type { FlowTuple } from '../../../linux/conntrack/index.ts'
import { protocolVersion, type Walk, type WalkSummary } from '../../protocol.ts'

/** What of a walk is known beside its story. */
export type Around = Pick<Walk, 'pipelines' | 'topology' | 'captures'> & Partial<Pick<Walk, 'fault'>>

/** A walk, as it is shown and saved: plain JSON, whatever the story holds. Pure. */
export const walkOf = (id: string, story: Story, around: Around): Walk => ({
  format: 'natspace-walk',
  protocolVersion,
  ...summaryOf(id, story),
  story: plain(story),
  ...around,
})

/** What a list of walks tells of one. Pure. */
export const summaryOf = (
  id: string,
  { space, direction, protocol, tuple, begunAt, end }: Story,
): WalkSummary => ({
  id,
  time: Math.round(begunAt * 1000),
  space,
  direction,
  protocol,
  title: titleOf(tuple),
  outcome: end.outcome,
  reason: end.reason,
})

/** `192.168.45.3:41234 → 192.168.1.15:80`; of an echo without its identifier. */
const titleOf = ({ source, sourcePort, destination, destinationPort }: FlowTuple): string => {
  const end = (address: string, port: number | undefined) =>
    port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  return `${end(source, sourcePort)} → ${end(destination, destinationPort)}`
}

/** JSON has no numbers of 64 bits and no undefined. */
const plain = (story: Story): Story =>
  JSON.parse(
    JSON.stringify(story, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
  )

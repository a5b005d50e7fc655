import type { FlowTuple } from '../../linux/conntrack/index.ts'
import { isTranslation } from '../walk/header-change.ts'
import { answerTo, firstPacket, type PredictedFlow } from './flow.ts'
import type { Journal } from './journal.ts'
import { isUntranslated } from './outbound.ts'
import type { Prediction } from './prediction.ts'
import { changed, tupleOf, wireChanges } from './wire.ts'

/** What is told beside the events: the tuples of connection tracking, and what is worth knowing. All pure. */

/** The first packet as it leaves its socket. */
export const predictedTuple = ({ facts, tracking }: Journal, flow: PredictedFlow): FlowTuple => {
  const first = flow.source === undefined ? tracking.inside.original : undefined
  const known = first ?? tracking.host.original
  const own = facts.space.addresses.find(address => address.includes(':') === (flow.family === 6))
  return tupleOf(known ?? firstPacket(flow, flow.source ?? own ?? 'unknown', undefined))
}

/** The connection as the host would track it; undefined where its first packet does not get through, or is not tracked. */
export const predictedConnection = (
  { tracking: { host } }: Journal,
  { outcome, at }: Prediction['end'],
): Prediction['connection'] => {
  const { original, source, destination, state } = host
  const isConfirmed = outcome === 'delivered' || at.packet === 'reply'
  if (original === undefined || !isConfirmed || state === 'untracked' || state === undefined) return undefined
  const isIcmp = original.icmpType !== undefined
  const after = changed(original, {
    ...(source === undefined
      ? {}
      : { source: source.address, [isIcmp ? 'icmpId' : 'sourcePort']: source.port }),
    ...(destination === undefined
      ? {}
      : { destination: destination.address, ...(isIcmp ? {} : { destinationPort: destination.port }) }),
  })
  return {
    original: tupleOf(original),
    reply: tupleOf(answerTo(after)),
    translations: wireChanges(original, after).filter(isTranslation),
  }
}

/** What is worth knowing beside the end. */
export const predictedNotes = (journal: Journal): string[] => {
  const { tracking, uplink } = journal
  const { original, source } = tracking.host
  const left = journal.seenAt('request', 'uplink')
  const untranslated =
    left === undefined || uplink === undefined || !isUntranslated(journal, left, uplink)
      ? []
      : [
          `no translation would happen: it would leave by ${uplink.name} with its inside source ${left.source}, to which nobody outside knows a way back (natspace explain 8)`,
        ]
  if (source === undefined || original === undefined) return untranslated
  const what = original.icmpType === undefined ? 'source port' : 'ICMP identifier'
  const own = original.icmpType === undefined ? original.sourcePort : original.icmpId
  if (source.port === undefined) return [...untranslated, `${what} outside: chosen at the time`]
  return source.port === own
    ? [...untranslated, `${what} ${own} is kept outside, unless another connection has it already`]
    : untranslated
}

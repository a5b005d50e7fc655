import type { HookPassage, PacketEnd } from '../walk/steps.ts'
import { guiltyText, ownCause } from './drop-cause.ts'
import { doubts, legacyWords } from './evidence.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'
import type { StoryEnd } from './outcome.ts'

/** How one packet was stopped, of whichever way it is. All pure. */

/** An end without the place, which only the caller knows wholly. */
export type Stop = Omit<StoryEnd, 'at'> & {
  at: Pick<StoryEnd['at'], 'interface' | 'hook' | 'chain' | 'owner'>
}

/** A stop by a rule or a policy; undefined where there was none. */
export const stopOf = (
  { end, hooks }: TimedPacket,
  { space, hasGap }: TraceObservation,
): Stop | undefined => {
  if (end.type !== 'dropped' && end.type !== 'queued' && end.type !== 'stolen') return undefined
  const { visit } = end
  const link = linkAt(hooks.at(-1))
  const at = {
    ...(link === undefined ? {} : { interface: link }),
    ...(end.hook === undefined ? {} : { hook: end.hook }),
    chain: `${visit.family} ${visit.table} ${visit.chain}`,
    owner: visit.owner?.name ?? 'unknown',
  }
  const cause = ownCause(visit, space)
  const verb = {
    dropped: 'was stopped by',
    queued: 'was handed to a program by',
    stolen: 'was taken out by',
  }[end.type]
  return {
    outcome: end.type === 'dropped' ? 'dropped' : 'lost',
    at,
    reason: `it ${verb} ${guiltyText(visit)}`,
    evidence: [
      ...(cause === undefined ? [] : [cause]),
      ...(hasGap ? ['events of the kernel were lost'] : []),
    ],
  }
}

const linkAt = (passage: HookPassage | undefined): string | undefined =>
  leaving.includes(passage?.hook) ? passage?.output?.name : passage?.input?.name

/** Hooks of packets on their way to a link. */
const leaving: readonly (HookPassage['hook'] | undefined)[] = ['output', 'postrouting', 'egress']

/** A packet that came to a hook and not to its end, or to the end and not further. */
export const vanishedInHook = (
  seen: TraceObservation,
  at: StoryEnd['at'],
  { hooks, end, hasGap }: TimedPacket,
  place: 'inside' | 'host' = 'host',
): StoryEnd => {
  const last = hooks.at(-1)
  if (hasGap || seen.hasGap)
    return lost(at, 'events of the kernel were lost, so its way is not known to the end', doubts(seen, place))
  const legacy = legacyWords(seen)
  if (end.type === 'unknown' && last?.left === undefined)
    return lost(
      at,
      `something at the hook ${last?.hook ?? 'unknown'} stopped it that tells no events${
        legacy.length > 0 ? ', as iptables-legacy' : ''
      }`,
      [...legacy, ...doubts(seen, place)],
    )
  return lost(at, `it vanished behind the hook ${last?.hook ?? 'unknown'}`, [
    ...legacy,
    ...doubts(seen, place),
  ])
}

/** Whether it is not known how a packet's way ended. */
export const isVanished = (end: PacketEnd): end is Extract<PacketEnd, { type: 'vanished' | 'unknown' }> =>
  end.type === 'vanished' || end.type === 'unknown'

/** A place with the interface, where that is known. */
export const placeAt = (
  packet: StoryEnd['at']['packet'],
  point: StoryEnd['at']['point'],
  link: string | undefined,
): StoryEnd['at'] => ({ packet, point, ...(link === undefined ? {} : { interface: link }) })

/** An end by something that is certain. */
export const dropped = (at: StoryEnd['at'], reason: string, evidence: string[]): StoryEnd => ({
  outcome: 'dropped',
  at,
  reason,
  evidence,
})

/** An end of which the reason is not certain. */
export const lost = (at: StoryEnd['at'], reason: string, evidence: string[]): StoryEnd => ({
  outcome: 'lost',
  at,
  reason,
  evidence,
})

/** A refusal by ICMP. */
export const refused = (at: StoryEnd['at'], by: string, words: string): StoryEnd => ({
  outcome: 'refused',
  at,
  reason: `${by} refused it by ICMP: ${words}`,
  evidence: [],
})

import type { Walk } from '../../../src/server/protocol.ts'
import { shown } from '../text-safety.ts'
import type { Texts } from '../texts/texts.ts'
import { chainName, type Frame } from './frames.ts'
import { headersText } from './headers.ts'

/** What a frame says in words: a title, and why it is so. The words of the kernel and of rules stay as they are. */

export type Narration = { title: string; why: string[] }

type Told = Pick<Walk, 'story'>

/** The words for a frame; data in them is made visible. Pure. */
export const narrationOf = (frame: Frame, { story }: Told, texts: Texts['walk']): Narration => {
  const { story: words } = texts
  const space = shown(story.space)
  const link = shown(frame.interface ?? '')
  if (frame.isGuilty && frame.event?.kind !== 'routing') return stopped(frame, story, texts)
  switch (frame.kind) {
    case 'event':
      return eventNarration(frame, story, texts)
    case 'start':
      if (frame.place === 'host') return hostNarration(frame, story, words)
      if (frame.place === 'remote')
        return { title: words.startRemote(shown(frame.before?.source ?? '')), why: [words.startRemoteWhy] }
      return frame.packet === 'request'
        ? { title: words.startSpace(space), why: [words.startSpaceWhy] }
        : { title: words.answerSpace(space), why: [words.answerSpaceWhy] }
    case 'crossing': {
      if (frame.place === 'cable') return { title: words.cable(cableText(story)), why: [words.cableWhy] }
      return (frame.packet === 'request') === (story.direction === 'out')
        ? { title: words.uplinkOut(link), why: [words.uplinkOutWhy] }
        : { title: words.uplinkIn(link), why: [words.uplinkInWhy] }
    }
    case 'turn': {
      if (frame.place === 'remote')
        return {
          title: words.turnRemote(shown(frame.after?.destination ?? '')),
          why: [words.turnRemoteWhy(shown(frame.after?.source ?? ''))],
        }
      return { title: frame.place === 'host' ? words.turnHost : words.turnSpace(space), why: [words.turnWhy] }
    }
    case 'end':
      return {
        title: isTold(frame, story) ? words.told : words.end[story.end.outcome],
        why: [shown(story.end.reason)],
      }
  }
}

/** Whether the frame is of a packet by which the sender hears that its own was stopped. */
const isTold = ({ packet }: Frame, { end }: Walk['story']): boolean =>
  packet === 'reply' && end.at.packet === 'request' && (end.outcome === 'dropped' || end.outcome === 'lost')

const hostNarration = (frame: Frame, story: Walk['story'], words: Words): Narration => {
  if (isTold(frame, story)) return { title: words.tellHost, why: [words.tellHostWhy] }
  return frame.packet === 'reply'
    ? { title: words.answerHost, why: [words.answerSpaceWhy] }
    : { title: words.startHost, why: [words.startHostWhy] }
}

/** 'veth2 – veth1': both ends of the cable. */
const cableText = ({ points }: Walk['story']): string =>
  points
    .filter(({ point }) => point !== 'uplink')
    .map(point => shown(point.interface ?? '?'))
    .join(' – ')

const stopped = ({ event }: Frame, { end }: Walk['story'], { story: words }: Texts['walk']): Narration => {
  if (event?.chain === undefined) return { title: words.stopped, why: [shown(end.reason)] }
  const by = event.decidedBy === 'policy' ? words.dropByPolicy : words.dropByRule
  return {
    title: words.chainDrop(shown(chainName(event.chain))),
    why: event.verdict === 'drop' ? [by] : [shown(end.reason)],
  }
}

const eventNarration = (frame: Frame, story: Walk['story'], { story: words }: Texts['walk']): Narration => {
  const { event, before, changes } = frame
  if (event === undefined) return { title: '', why: [] }
  const place = frame.lane === 'inside' ? words.space(shown(story.space)) : words.host
  if (event.kind === 'routing') {
    if (frame.isGuilty || event.verdict !== undefined)
      return {
        title: words.routingStop(place),
        why: [shown(frame.isGuilty ? story.end.reason : (event.rule ?? ''))],
      }
    return {
      title: words.routing(place),
      why: [
        words.routingWhy(shown(before?.destination ?? '')),
        ...(changes.some(({ field }) => field === 'ttl') ? [words.routingTtl] : []),
      ],
    }
  }
  if (event.kind === 'conntrack') return conntrackNarration(frame, words)
  return {
    title: chainTitle(frame, words),
    why: changes.length > 0 ? changeWords(frame, words) : [passWords(frame, words)],
  }
}

/** What the chain did comes first, and its name where it did nothing that has one. */
const chainTitle = ({ event, changes }: Frame, words: Words): string => {
  const name = shown(event?.chain?.name ?? '')
  if (changes.some(({ field }) => field === 'source' || field === 'sourcePort')) return words.snatTitle
  if (changes.some(({ field }) => field === 'destination' || field === 'destinationPort'))
    return words.dnatTitle
  if (changes.length > 0) return words.changedTitle(name)
  return event?.decidedBy === 'rule' && event.verdict === 'accept' ? words.accepts(name) : words.passes(name)
}

type Words = Texts['walk']['story']

const conntrackNarration = ({ event, changes, packet }: Frame, words: Words): Narration => {
  const rule = event?.rule ?? ''
  if (rule.startsWith('related')) return { title: words.conntrackRelated, why: [words.conntrackRelatedWhy] }
  if (rule.startsWith('of no')) return { title: words.conntrackInvalid, why: [words.conntrackInvalidWhy] }
  if (rule.startsWith('a new')) return { title: words.conntrackNew, why: [words.conntrackNewWhy] }
  if (packet === 'reply' && changes.length > 0)
    return { title: words.conntrackReversed, why: [words.conntrackReversedWhy] }
  if (rule.startsWith('an answer')) return { title: words.conntrackReply, why: [words.conntrackReplyWhy] }
  return { title: words.conntrackKnown, why: [words.conntrackKnownWhy] }
}

const changeWords = ({ before, after, changes }: Frame, words: Words): string[] => {
  if (changes.length === 0 || before === undefined || after === undefined) return []
  const side = (prefix: 'source' | 'destination'): [string, string] | undefined => {
    const port = `${prefix}Port` as const
    if (!changes.some(({ field }) => field === prefix || field === port)) return undefined
    const text = (address: string, number: number | undefined) =>
      shown(number === undefined ? address : `${address.includes(':') ? `[${address}]` : address}:${number}`)
    return [text(before[prefix], before[port]), text(after[prefix], after[port])]
  }
  const [source, destination] = [side('source'), side('destination')]
  const told = [
    ...(source ? [words.snat(...source)] : []),
    ...(destination ? [words.dnat(...destination)] : []),
  ]
  return told.length > 0 ? told : [words.changed]
}

const passWords = ({ event }: Frame, words: Words): string =>
  event?.decidedBy === 'rule'
    ? words.chainAccept
    : (event?.rules.length ?? 0) > 0
      ? words.chainMet
      : words.chainPass

/** The whole step in one sentence, for whoever hears it. Pure. */
export const spoken = (frame: Frame, walk: Told, texts: Texts['walk']): string => {
  const { title, why } = narrationOf(frame, walk, texts)
  const changes = frame.changes.map(({ field, before, after }) =>
    texts.headers.change(texts.headers.fields[field], shown(`${before}`), shown(`${after}`)),
  )
  return [`${texts.packet[frame.packet]}: ${title}`, ...why, ...changes].join(' ')
}

/** The packet in a line, as a capture shows it. */
export const packetLine = ({ after }: Frame): string => (after === undefined ? '' : shown(headersText(after)))

/** A story beside the second opinions: every field that both tell must be the same. */
import type { Story } from '../../../src/insight/trace/story.ts'
import type { PacketHeader } from '../../../src/insight/walk/packet-header.ts'
import type { Judged } from './judge.ts'
import type { NftPacket, NftVisit } from './nft-trace.ts'
import { type Ends, endsText, type Frame } from './pcap.ts'

export type Texts = ReadonlyMap<string, ReadonlyMap<string, string>>

/** All that differs, in sentences; empty where all agree. */
export const differences = (story: Story, judged: Judged, texts: Texts): string[] => [
  ...endDifferences(story, judged, texts),
  ...pointDifferences(story, judged),
  ...connectionDifferences(story, judged),
  ...wayDifferences(story, judged, texts),
]

const textOf = (texts: Texts, place: string, { family, table }: NftVisit, chain: string, handle: number) =>
  texts.get(place)?.get(`${family} ${table} ${chain} ${handle}`)

const endDifferences = ({ end, space }: Story, judged: Judged, texts: Texts): string[] => {
  const { outcomes, guilty, where, packet, knowsErrors } = judged
  // What this host refused, and then did not let out itself, the second opinions do not tell of one flow among many.
  if (!knowsErrors && where === 'silence' && end.at.packet === 'reply') return []
  const said = `${end.outcome} (${end.reason}) at ${JSON.stringify(end.at)}`
  if (!outcomes.includes(end.outcome)) return [`end: ${said}; seen: ${outcomes.join(' or ')}: ${where}`]
  if (
    where !== 'local' &&
    where !== 'taken by the host' &&
    end.outcome !== 'delivered' &&
    end.at.packet !== packet
  )
    return [`end: ${said}; seen: the ${packet}`]
  if (guilty === undefined) {
    if (end.at.chain !== undefined) return [`end: ${said}; no rule stopped it: ${where}`]
    return (where === 'routing') !== (end.at.hook === 'routing') &&
      !/^(not sent|local|routing inside)$/.test(where)
      ? [`end: ${said}; seen: ${where}`]
      : []
  }
  const { place, visit } = guilty
  const last = visit.rules.at(-1)
  const chain = `${visit.family} ${visit.table} ${visit.chain}`
  if (end.at.chain !== chain) return [`end: ${said}; guilty is ${chain}`]
  if ((end.at.point === 'inside') !== (place === 'inside')) return [`end: ${said}; it was ${place}`]
  if (visit.end?.startsWith('policy'))
    return end.reason.includes('the policy of') ? [] : [`end: ${said}; guilty is the policy`]
  const text = last && textOf(texts, place === 'inside' ? space : 'host', visit, last.chain, last.handle)
  if (text === undefined) return [`end: the rule is not known: ${JSON.stringify(last)} of ${chain}`]
  return byIptables.test(chain) || end.reason.includes(`"${text}"`)
    ? []
    : [`end: ${said}; the rule is ${text}`]
}

const headerEnds = (header: PacketHeader): Ends => ({
  source: header.source,
  destination: header.destination,
  protocol: header.protocol ?? 0,
  ...(header.sourcePort === undefined ? {} : { sourcePort: header.sourcePort }),
  ...(header.destinationPort === undefined ? {} : { destinationPort: header.destinationPort }),
  ...(header.icmpId === undefined ? {} : { id: header.icmpId }),
})

const headerText = (header: PacketHeader | undefined): string =>
  header === undefined
    ? 'nothing'
    : `${endsText(headerEnds(header))} ttl ${header.ttl} flags ${header.tcpFlags} icmp ${header.icmpType} ${header.icmpCode}`

const frameText = (frame: Frame | undefined): string =>
  frame === undefined
    ? 'nothing'
    : `${endsText(frame)} ttl ${frame.ttl} flags ${frame.tcpFlags} icmp ${frame.icmpType} ${frame.icmpCode}`

const pointDifferences = ({ points }: Story, { captured, walked }: Judged): string[] =>
  points.flatMap(({ point, request, reply }) =>
    (['request', 'reply'] as const).flatMap(packet => {
      const [ours, theirs] = [{ request, reply }[packet]?.header, captured[point][packet]]
      // What stops a packet at the link itself, in front of all rules, leaves nothing to tell of.
      const isUnheard =
        ours === undefined && walked[packet][point === 'inside' ? 'inside' : 'host'] === undefined
      const [one, other] = [headerText(ours), frameText(theirs)]
      return one === other || isUnheard ? [] : [`point ${point} ${packet}: ${one}; captured: ${other}`]
    }),
  )

const connectionDifferences = ({ connection }: Story, judged: Judged): string[] => {
  const text = (tuple: Ends) => endsText(tuple)
  const ends = (tuple: NonNullable<Story['connection']>['original']): Ends => ({
    source: tuple.source,
    destination: tuple.destination,
    protocol: tuple.protocol,
    ...(tuple.sourcePort === undefined ? {} : { sourcePort: tuple.sourcePort }),
    ...(tuple.destinationPort === undefined ? {} : { destinationPort: tuple.destinationPort }),
    ...(tuple.icmp === undefined ? {} : { id: tuple.icmp.id }),
  })
  const ours = connection && [text(ends(connection.original)), text(ends(connection.reply))].join(' | ')
  const theirs =
    judged.connection && [text(judged.connection.original), text(judged.connection.reply)].join(' | ')
  return ours === theirs ? [] : [`connection: ${ours}; conntrack: ${theirs}`]
}

const wayDifferences = (story: Story, { walked, where, knowsErrors }: Judged, texts: Texts): string[] =>
  (['request', 'reply'] as const).flatMap(packet =>
    (['inside', 'host'] as const).flatMap(place => {
      // The packets that a space sends to itself are one and the same to the kernel from the sender to the receiver.
      if (where === 'local' && packet === 'reply') return []
      if (packet === 'reply' && walked.reply[place] === undefined && !knowsErrors) return []
      const events = story.events.filter(
        event => event.packet === packet && (event.point === 'inside') === (place === 'inside'),
      )
      const theirs = walked[packet][place]
      const lines = eventLines(events)
      const wanted =
        theirs === undefined ? [] : visitLines(theirs, texts, place === 'inside' ? story.space : 'host')
      const index = Math.max(lines.length, wanted.length)
      const part = `${packet} ${place}`
      const first = Array.from({ length: index }, (_, at) => at).find(
        at => !isSameLine(lines[at], wanted[at]),
      )
      if (first !== undefined) return [`way of the ${part}: ${lines[first]}; nft: ${wanted[first]}`]
      return theirs === undefined ? [] : headerDifferences(events, theirs, part)
    }),
  )

/** The tables of iptables. */
const byIptables = /^ip6? (filter|nat|mangle|raw) /

const isSameLine = (ours: string | undefined, theirs: string | undefined): boolean => {
  if (ours === undefined || theirs === undefined) return ours === theirs
  if (!byIptables.test(theirs)) return ours === theirs
  // Both put what iptables made into words, each into its own.
  const shape = (text: string) =>
    text.split(' ; ').map(step => step.replace(/^((?:.*?: )?\S+) .* (-> .*)$/, '$1 $2'))
  return shape(ours).join(' ; ') === shape(theirs).join(' ; ')
}

type Events = Story['events']

const eventLines = (events: Events): string[] =>
  events.flatMap(({ kind, chain, rules, verdict, decidedBy }) =>
    kind === 'chain' && chain !== undefined
      ? [
          `${chain.family} ${chain.table} ${chain.name}: ${[
            ...rules.map(rule => `${rule.chain} ${rule.text} -> ${rule.verdict}`),
            decidedBy === 'policy' ? `policy ${verdict}` : verdict,
          ].join(' ; ')}`,
        ]
      : [],
  )

const visitLines = ({ visits }: NftPacket, texts: Texts, place: string): string[] =>
  visits.map(visit => {
    const rules = visit.rules.map(({ chain, handle, verdict, target }) => {
      const text = textOf(texts, place, visit, chain, handle) ?? `unknown ${handle}`
      return `${chain} ${text} -> ${verdict}${target === undefined ? '' : ` ${target}`}`
    })
    return `${visit.family} ${visit.table} ${visit.chain}: ${[...rules, visit.end].join(' ; ')}`
  })

/** The header that the changes of the story lead to, at each chain beside the one that nft printed there. */
const headerDifferences = (events: Events, { header, visits }: NftPacket, where: string): string[] => {
  const fields = {
    source: header.source as string | number | undefined,
    destination: header.destination as string | number | undefined,
    sourcePort: header.sourcePort,
    destinationPort: header.destinationPort,
    icmpId: header.id,
  } as Record<string, string | number | undefined>
  const found: string[] = []
  let at = 0
  for (const { kind, chain, changes } of events) {
    if (kind === 'chain') {
      const seen = visits[at++]?.header
      const now = {
        source: seen?.source,
        destination: seen?.destination,
        sourcePort: seen?.sourcePort,
        destinationPort: seen?.destinationPort,
        icmpId: seen?.id,
      } as typeof fields
      for (const [field, value] of Object.entries(now))
        if (value !== fields[field])
          found.push(
            `way of the ${where}: at ${chain?.table} ${chain?.name} ${field} is ${fields[field]}; nft: ${value}`,
          )
    }
    for (const { field, before, after } of changes) {
      if (!(field in fields)) continue
      if (fields[field] !== before)
        found.push(`way of the ${where}: ${field} was ${before}; before: ${fields[field]}`)
      fields[field] = after
    }
  }
  return found
}

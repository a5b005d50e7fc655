import { didSomething, type StoryEvent } from '../../insight/trace/events.ts'
import { icmpErrorWords } from '../../insight/trace/icmp-words.ts'
import { isIcmpError } from '../../insight/trace/join.ts'
import type { StoryEnd } from '../../insight/trace/outcome.ts'
import type { Sighting, StoryPoint } from '../../insight/trace/points.ts'
import type { Story } from '../../insight/trace/story.ts'
import type { HeaderChange } from '../../insight/walk/header-change.ts'
import { endsText, headerKind, tupleText } from '../../insight/walk/header-text.ts'
import { printable } from '../../space/spec/quote.ts'
import type { Style } from '../style.ts'
import { table } from '../table.ts'

/** What a person reads: the packets at each point, what was done to them on the way, and how it ended. */
export const storyLines = (story: Story, style: Style, verbose: boolean): string[] => {
  const { bold } = style
  return [
    `${bold(printable(story.space))}: ${kindText(story)}, ${tupleText(story.tuple)}`,
    '',
    ...pointLines(story, style),
    ...wayLines('request', story.events, style, verbose),
    ...wayLines('reply', story.events, style, verbose),
    '',
    ...connectionLines(story, style),
    ...endLines(story, style),
  ]
}

/** What a flow is, in words: `a TCP connection`. */
export const kindText = ({
  protocol,
  direction,
  tuple,
}: Pick<Story, 'protocol' | 'direction' | 'tuple'>): string => {
  const kind = {
    icmp: 'an echo by ICMP',
    tcp: 'a TCP connection',
    udp: 'a datagram by UDP',
    other: `a packet of the protocol ${tuple.protocol}`,
  }[protocol]
  return direction === 'out' ? kind : `${kind} to the space`
}

/** Without colours a change is marked by a star. */
export const marker = ({ bold, cyan }: Style): ((text: string) => string) =>
  bold('x') === 'x' ? text => `${text}*` : text => bold(cyan(text))

/** What a point is, in words. */
export const placeText = ({ point, interface: name }: StoryPoint): string =>
  point === 'uplink' && name === undefined
    ? 'this host'
    : { inside: 'in the space', cable: 'its cable', uplink: 'uplink' }[point]

const pointLines = ({ points, direction }: Story, style: Style): string[] => {
  const cell = (sighting: Sighting | undefined) =>
    sighting === undefined ? '-' : sightingText(sighting, style)
  const rows = points
    .filter(isOnWay)
    .map(point => [
      printable(point.interface ?? '-'),
      placeText(point),
      cell(point.request),
      cell(point.reply),
    ])
  const isMarked =
    style.bold('x') === 'x' && points.some(point => isChanged(point.request) || isChanged(point.reply))
  const ways = direction === 'out' ? ['downwards', 'upwards'] : ['upwards', 'downwards']
  return [
    ...table(['link', 'point', `request, ${ways[0]}`, `reply, ${ways[1]}`], rows, style.dim),
    ...(isMarked ? ['(* changed since the point before)'] : []),
  ]
}

/** What is for this host itself comes to no uplink; what it sends itself begins there. */
export const isOnWay = ({ point, interface: name, request, reply }: StoryPoint): boolean =>
  point !== 'uplink' || name !== undefined || request !== undefined || reply !== undefined

const isChanged = (sighting: Sighting | undefined): boolean => (sighting?.changed.length ?? 0) > 0

/** A packet at a point: `192.168.45.3:40000 > 192.168.1.15:80 SYN`, with what changed marked. */
export const sightingText = ({ header, changed }: Sighting, style: Style): string => {
  const kind = isIcmpError(header)
    ? `ICMP ${icmpErrorWords(header.family, header.icmpType ?? 0, header.icmpCode ?? 0)}`
    : headerKind(header)
  return `${endsText(header, changed, marker(style))}${kind === '' ? '' : ` ${kind}`}`
}

/** A packet's way: without -v only where something was done. */
const wayLines = (
  packet: StoryEvent['packet'],
  events: readonly StoryEvent[],
  style: Style,
  verbose: boolean,
): string[] => {
  const own = events.filter(event => event.packet === packet && (verbose || didSomething(event)))
  if (own.length === 0) return []
  const rows = own.map(event => [printable(event.interface ?? '?'), event.hook, eventText(event, style)])
  const lines = table([packet, 'hook', 'what was done'], rows, style.dim)
  const [heading = '', ...rest] = lines
  return [
    '',
    heading,
    ...rest.flatMap((line, index) => [
      line,
      ...(verbose ? detailLines(own[index] as StoryEvent, style) : []),
    ]),
  ]
}

/** What one event did, in one line. */
export const eventText = (event: StoryEvent, style: Style): string =>
  [whatText(event, style), ...event.changes.map(change => changeText(change, style))].join('; ')

/** `source 192.168.45.3 → 192.168.1.32`, the new value marked. */
export const changeText = ({ field, before, after }: HeaderChange, style: Style): string =>
  `${fieldNames[field]} ${printable(`${before}`)} → ${style.bold(printable(`${after}`))}`

const fieldNames: Record<HeaderChange['field'], string> = {
  source: 'source',
  destination: 'destination',
  sourcePort: 'source port',
  destinationPort: 'destination port',
  icmpId: 'ICMP identifier',
  ttl: 'TTL',
  dscp: 'DSCP',
  mark: 'mark',
}

const plain = (text: string): string => text

const whatText = (event: StoryEvent, { red, dim }: Style): string => {
  const { kind, chain, rule, rules, verdict, decidedBy } = event
  const text = printable(rule ?? '')
  if (kind === 'routing') return verdict === undefined ? `route ${text}` : red(text)
  if (kind === 'conntrack' || chain === undefined) return `connection tracking: ${text}`
  const { family, table: name, name: base, owner, program } = chain
  const where = rules.at(-1)?.chain
  const inner =
    decidedBy === 'rule' && where !== undefined && where !== base ? `, in ${printable(where)}` : ''
  const applied = (decidedBy === 'policy' ? statementsOf(rules) : rule === undefined ? [] : [text])
    .map(item => ` "${item}"`)
    .join(',')
  const isStop = verdict !== undefined && verdict !== 'accept'
  const paint = isStop ? red : plain
  const said = decidedBy === 'policy' ? paint(` policy ${verdict}`) : isStop ? paint(` → ${verdict}`) : ''
  return `${family} ${printable(name)} ${printable(base)}${program === name ? '' : dim(` (${printable(owner)})`)}${inner}:${applied}${said}`
}

/** Rules that did something and decided nothing. */
const statementsOf = (rules: StoryEvent['rules']): string[] =>
  rules.filter(({ verdict }) => verdict === 'continue').map(({ text }) => printable(text))

/** Every rule that applied, and what a chain of natspace is for. */
const detailLines = ({ rules, about }: StoryEvent, { dim }: Style): string[] => [
  ...rules.map(({ chain, text, verdict }) =>
    dim(`    ${printable(chain)}: ${printable(text)} [${printable(verdict)}]`),
  ),
  ...(about === undefined ? [] : [dim(`    ${about}`)]),
]

const connectionLines = ({ connection }: Story, { dim }: Style): string[] =>
  connection === undefined
    ? [`${dim('connection')}  none is known for it: its first packet has not left this host`]
    : [
        `${dim('connection')}  ${tupleText(connection.original)}`,
        `${dim('answers')}     ${tupleText(connection.reply)}${
          connection.translations.length === 0 ? ' (nothing is translated)' : ''
        }`,
      ]

/** How it ended, with what bears it out. */
export const endLines = ({ end, notes }: Story, style: Style): string[] => {
  const { bold, dim } = style
  return [
    ...notes.map(note => `${dim('note')}        ${printable(note)}`),
    `${bold(paintOf(end, style)(end.outcome))}: ${printable(end.reason)}`,
    ...end.evidence.map(line => `  ${dim('saw:')} ${printable(line)}`),
  ]
}

const paintOf = ({ outcome }: StoryEnd, { green, yellow, red }: Style): ((text: string) => string) =>
  outcome === 'answered' ? green : outcome === 'delivered' || outcome === 'refused' ? yellow : red

import type { ComparedStep, Comparison } from '../../insight/predict/compare.ts'
import type { Prediction } from '../../insight/predict/prediction.ts'
import { didSomething, type StoryEvent } from '../../insight/trace/events.ts'
import type { Sighting } from '../../insight/trace/points.ts'
import type { Story } from '../../insight/trace/story.ts'
import { endsText, headerKind } from '../../insight/walk/header-text.ts'
import type { PacketHeader } from '../../insight/walk/packet-header.ts'
import type { FlowTuple } from '../../linux/conntrack/index.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { printable } from '../../space/spec/quote.ts'
import type { Style } from '../style.ts'
import { table } from '../table.ts'
import { changeText, eventText, isOnWay, kindText, marker, placeText } from './text.ts'

/** What a person reads of a prediction: as of a probe, in another mood. Nobody knows what `?` will be. */
export const predictionLines = (prediction: Prediction, style: Style, verbose: boolean): string[] => {
  const { bold } = style
  return [
    `${bold(printable(prediction.space))}: ${kindText(prediction)}, ${tupleText(prediction.tuple)}; nothing is sent`,
    '',
    ...pointLines(prediction, style),
    ...wayLines('request', prediction.events, style, verbose),
    ...wayLines('reply', prediction.events, style, verbose),
    '',
    ...connectionLines(prediction, style),
    ...predictedEndLines(prediction, style),
  ]
}

/** Fields that may be chosen when the packet is sent, by its protocol. */
const openFields = (protocol: number): readonly ('sourcePort' | 'destinationPort' | 'icmpId')[] =>
  protocol === PROTOCOL_NUMBER.icmp || protocol === PROTOCOL_NUMBER.icmpv6
    ? ['icmpId']
    : ['sourcePort', 'destinationPort']

const filled = (ends: PacketHeader | (FlowTuple & { icmpId?: number })): Record<string, string | number> => ({
  ...Object.fromEntries(openFields(ends.protocol ?? 0).map(field => [field, ends[field] ?? '?'])),
  source: ends.source,
  destination: ends.destination,
})

const tupleText = ({ icmp, ...tuple }: FlowTuple): string =>
  endsText(filled({ ...tuple, ...(icmp === undefined ? {} : { icmpId: icmp.id }) }))

const sightingText = ({ header, changed }: Sighting, style: Style): string => {
  const kind = headerKind(header)
  return `${endsText(filled(header), changed, marker(style))}${kind === '' ? '' : ` ${kind}`}`
}

const pointLines = ({ points, direction }: Prediction, style: Style): string[] => {
  const cell = (sighting: Sighting | undefined) =>
    sighting === undefined ? '-' : sightingText(sighting, style)
  const shown = points.filter(isOnWay)
  const rows = shown.map(point => [
    printable(point.interface ?? '-'),
    placeText(point),
    cell(point.request),
    cell(point.reply),
  ])
  const sightings = shown.flatMap(({ request, reply }) => [request, reply])
  const isMarked = style.bold('x') === 'x' && sightings.some(sighting => (sighting?.changed.length ?? 0) > 0)
  const hasOpen = rows.some(cells => cells.slice(2).some(text => text.includes('?')))
  const legend = [
    ...(isMarked ? ['* changed since the point before'] : []),
    ...(hasOpen ? ['? chosen when it is sent'] : []),
  ]
  const ways = direction === 'out' ? ['downwards', 'upwards'] : ['upwards', 'downwards']
  return [
    ...table(['link', 'point', `request, ${ways[0]}`, `reply, ${ways[1]}`], rows, style.dim),
    ...(legend.length === 0 ? [] : [`(${legend.join('; ')})`]),
  ]
}

const wayLines = (
  packet: StoryEvent['packet'],
  events: readonly StoryEvent[],
  style: Style,
  verbose: boolean,
): string[] => {
  const own = events.filter(event => event.packet === packet && (verbose || isTold(event)))
  const rows = own.map(event => [
    printable(event.interface ?? '?'),
    event.hook,
    `${eventText(event, style)}${isOpen(event) ? style.yellow(' not known') : ''}`,
  ])
  return rows.length === 0 ? [] : ['', ...table([packet, 'hook', 'what would be done'], rows, style.dim)]
}

/** A chain of which it is not known what it does. */
const isOpen = ({ kind, verdict }: StoryEvent): boolean => kind === 'chain' && verdict === undefined

const isTold = (event: StoryEvent): boolean => didSomething(event) || isOpen(event)

const connectionLines = ({ connection }: Prediction, { dim }: Style): string[] =>
  connection === undefined
    ? []
    : [
        `${dim('connection')}  ${tupleText(connection.original)}`,
        `${dim('answers')}     ${tupleText(connection.reply)}${
          connection.translations.length === 0 ? ' (nothing is translated)' : ''
        }`,
      ]

/** The end of a prediction, and what it rests or depends on. */
const predictedEndLines = (prediction: Prediction, style: Style): string[] => {
  const { end, notes, unseen } = prediction
  const { bold, dim } = style
  return [
    ...notes.map(note => `${dim('note')}        ${printable(note)}`),
    ...unseen.map(text => `${dim('unseen')}      not evaluated: ${printable(text)}`),
    `${bold(paintOf(end.outcome, style)(end.outcome))}: ${printable(end.reason)}`,
    ...end.evidence.map(line => `  ${dim('why:')} ${printable(line)}`),
    ...doubtLines(prediction, style),
  ]
}

/** On what it depends, and how it would end either way. */
const doubtLines = ({ end }: Prediction, { dim }: Style): string[] =>
  end.doubts.flatMap(({ chain, owner, rule, expression, ifApplies, ifNot }) => [
    `  ${dim('rule:')} "${printable(rule)}" of ${printable(chain)} (${printable(owner)})`,
    `  ${dim('not known:')} ${printable(expression)}`,
    ...(ifApplies === undefined ? [] : [`  ${dim('if it applies:')} ${printable(ifApplies)}`]),
    ...(ifNot === undefined ? [] : [`  ${dim('if not:')} ${printable(ifNot)}`]),
  ])

const paintOf = (
  outcome: Prediction['end']['outcome'],
  { green, yellow, red }: Style,
): ((text: string) => string) => (outcome === 'delivered' ? green : outcome === 'unknown' ? yellow : red)

/** A prediction beside what was observed, step by step. */
export const comparisonLines = (
  { steps, differences, agrees }: Comparison,
  prediction: Prediction,
  story: Story,
  style: Style,
  verbose: boolean,
): string[] => {
  const { bold, red } = style
  const isShown = ({ agreement, predicted, observed }: ComparedStep) =>
    verbose || agreement === '≠' || [predicted, observed].some(event => event && isTold(event))
  const rows = steps
    .filter(isShown)
    .map(({ packet, interface: name, hook, what, predicted, observed, agreement }) => [
      packet,
      printable(name ?? '?'),
      hook,
      printable(what),
      stepText(predicted, style),
      agreement === '≠' ? red(agreement) : agreement,
      agreement === '=' ? asPredicted(predicted, observed, style) : stepText(observed, style),
    ])
  return [
    '',
    ...table(['packet', 'link', 'hook', 'where', 'predicted', '', 'observed'], rows, style.dim),
    '',
    `${bold('predicted')}   ${printable(`${prediction.end.outcome}: ${prediction.end.reason}`)}`,
    `${bold('observed')}    ${printable(`${story.end.outcome}: ${story.end.reason}`)}`,
    ...prediction.unseen.map(text => `not evaluated: ${printable(text)}`),
    ...(agrees === true ? ['as predicted'] : differences.map(text => red(printable(text)))),
    ...(agrees === null
      ? [
          prediction.end.outcome === 'unknown'
            ? 'what happened could not be predicted'
            : 'what was predicted could not be seen',
          ...doubtLines(prediction, style),
        ]
      : []),
  ]
}

/** What was left open in a prediction that came true. */
const asPredicted = (
  predicted: StoryEvent | undefined,
  observed: StoryEvent | undefined,
  style: Style,
): string => {
  const foreseen = (predicted?.changes ?? []).map(change => changeText(change, style))
  const open = (observed?.changes ?? [])
    .map(change => changeText(change, style))
    .filter(text => !foreseen.includes(text))
  return ['the same', ...open].join('; ')
}

/** What happened at a step, without the place. */
const stepText = (event: StoryEvent | undefined, style: Style): string => {
  if (event === undefined) return '-'
  const { kind, rule, verdict, decidedBy } = event
  const changes = event.changes.map(change => changeText(change, style))
  const said =
    kind === 'routing'
      ? `route ${printable(rule ?? '')}`
      : kind === 'conntrack'
        ? undefined
        : decidedBy === 'policy'
          ? `policy ${verdict}`
          : verdict === undefined
            ? 'not known'
            : `${rule === undefined ? '' : `"${printable(rule)}" `}${verdict}`
  return [...(said === undefined ? [] : [said]), ...changes].join('; ')
}

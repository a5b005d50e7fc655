import type { StoryPoint } from '../../insight/trace/points.ts'
import type { Story } from '../../insight/trace/story.ts'
import { printable } from '../../space/spec/quote.ts'
import type { Style } from '../style.ts'
import { table } from '../table.ts'
import { endLines, isOnWay, kindText, placeText, sightingText, storyLines } from './text.ts'

/**
 * One flow in a few lines: its points as columns, in the order in which the request passed them; the reply is to be read from
 * the right. Where nothing had changed since the point before stands `=`. With `verbose` the whole story.
 */
export const flowLines = (flow: number, story: Story, style: Style, verbose: boolean): string[] => {
  const heading = `${style.bold(`flow ${flow}`)} at ${timeOfDay(story.begunAt)}`
  if (verbose) {
    const [first = '', ...rest] = storyLines(story, style, true)
    return [`${heading}, ${first}`, ...rest, '']
  }
  const points = story.points.filter(isOnWay)
  const columns = story.direction === 'out' ? points : points.toReversed()
  const cells = (packet: 'request' | 'reply'): string[] => {
    const isSeenBefore = (index: number) =>
      (packet === 'request' ? columns.slice(0, index) : columns.slice(index + 1)).some(
        point => point[packet] !== undefined,
      )
    return columns.map((point, index) => cellText(point, packet, isSeenBefore(index), style))
  }
  return [
    `${heading}: ${kindText(story)}`,
    ...table(
      ['', ...columns.map(headingText)],
      [
        ['request', ...cells('request')],
        ['reply', ...cells('reply')],
      ],
      style.dim,
    ).map(line => `  ${line}`),
    ...endLines(story, style).map(line => `  ${line}`),
    '',
  ]
}

/** `veth2 in the space` */
const headingText = (point: StoryPoint): string =>
  [...(point.interface === undefined ? [] : [printable(point.interface)]), placeText(point)].join(' ')

const cellText = (
  point: StoryPoint,
  packet: 'request' | 'reply',
  isSeenBefore: boolean,
  style: Style,
): string => {
  const sighting = point[packet]
  if (sighting === undefined) return '-'
  return isSeenBefore && sighting.changed.length === 0 ? '=' : sightingText(sighting, style)
}

/** `08:15:30`, of this machine. */
const timeOfDay = (seconds: number): string => {
  const date = new Date(seconds * 1000)
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map(part => String(part).padStart(2, '0'))
    .join(':')
}

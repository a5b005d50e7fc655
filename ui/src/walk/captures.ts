import type { Walk } from '../../../src/server/protocol.ts'
import { headersText } from './headers.ts'
import type { ChangedField, PacketName } from './parts.ts'

/** What captures at the points show, side by side. */

export type CaptureLine = { packet: PacketName; text: string; changed: ChangedField[] }
export type CapturePoint = { place: string; interface: string; lines: CaptureLine[] }

/**
 * The points in the order in which the request passed them. The server's captures where it has them; what had changed since
 * the point before is taken from the story, which knows it by the field. Pure.
 */
export const capturePoints = ({ story, captures }: Pick<Walk, 'story' | 'captures'>): CapturePoint[] => {
  const points = story.direction === 'out' ? story.points : story.points.toReversed()
  const seen = points.map(
    (point): CapturePoint => ({
      place: point.point,
      interface: point.interface ?? '',
      lines: (['request', 'reply'] as const).flatMap((packet): CaptureLine[] => {
        const sighting = point[packet]
        return sighting === undefined
          ? []
          : [{ packet, text: headersText(sighting.header), changed: sighting.changed }]
      }),
    }),
  )
  if (captures.length === 0) return seen
  // Another host may have a link of the same name, further on: each point of the story is met once.
  const left = seen.filter(({ lines }) => lines.length > 0)
  return captures.map(capture => {
    const place = left.findIndex(point => point.interface === capture.interface)
    const [known] = place < 0 ? [] : left.splice(place, 1)
    return {
      place: capture.place,
      interface: capture.interface,
      lines: capture.lines.map((text, index): CaptureLine => {
        const line = known?.lines[index]
        return {
          packet: line?.packet ?? (index === 0 ? 'request' : 'reply'),
          text,
          changed: line?.changed ?? [],
        }
      }),
    }
  })
}

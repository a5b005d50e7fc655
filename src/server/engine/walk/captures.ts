import type { Story } from '../../../insight/trace/story.ts'
import type { PacketHeader } from '../../../insight/walk/packet-header.ts'
import type { Walk } from '../../protocol.ts'
import { headerLine } from './header-line.ts'

/** What captures at the points of a way would show, side by side. Pure. */

type Seen = { place: string; interface: string; request?: PacketHeader; reply?: PacketHeader }

/** By what the rules of each namespace saw; points that the packet would not come by are left out. */
export const storyCaptures = ({ space, points }: Story, host: string): Walk['captures'] =>
  points
    .filter(point => point.interface !== undefined)
    .map(({ point, interface: name = '', request, reply }) =>
      captureOf({
        place: point === 'inside' ? space : host,
        interface: name,
        ...(request === undefined ? {} : { request: request.header }),
        ...(reply === undefined ? {} : { reply: reply.header }),
      }),
    )

/** One list: what came by, in the order of the walk. */
export const captureOf = ({ place, interface: name, request, reply }: Seen): Walk['captures'][number] => ({
  place,
  interface: name,
  lines: [request, reply].flatMap(header => (header === undefined ? [] : headerLine(header))),
})

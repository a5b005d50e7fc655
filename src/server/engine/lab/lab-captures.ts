import { isIcmpError } from '../../../insight/trace/join.ts'
import type { ProbeTarget } from '../../../insight/trace/probe.ts'
import { type LabPoint, PointCaptures } from '../../../lab/captures.ts'
import { network, type Place, places } from '../../../lab/places.ts'
import { type LabRow, rowsOf, type Selection } from '../../../lab/sightings.ts'
import { ports } from '../../../lab/topology.ts'
import type { Kernel } from '../../../linux/kernel.ts'
import { PROTOCOL_NUMBER } from '../../../linux/net/protocol.ts'
import type { Walk } from '../../protocol.ts'
import { captureOf } from '../walk/captures.ts'

/** In the lab every link of the way can be watched: on host1, on the LAN, and on host2. */

const points: readonly LabPoint[] = [
  { place: 'myspace', interface: network.space.interface },
  { place: 'host1', interface: network.space.hostInterface },
  { place: 'host1', interface: network.uplink },
  { place: 'lan', interface: ports.host2 },
  { place: 'host2', interface: network.uplink },
]

/** What was captured of a packet and its answer, in the words of a walk; rows without either stay, and are empty. Pure. */
export const rowCaptures = (rows: readonly LabRow[]): Walk['captures'] =>
  rows.map(({ place, interface: name, request, reply }) =>
    captureOf({
      place,
      interface: name,
      ...(request === undefined ? {} : { request: request.header }),
      ...(reply === undefined ? {} : { reply: reply.header }),
    }),
  )

/** Captures along the way of a probe of the lab's space. */
export class ProbeCaptures implements Disposable {
  readonly #captures: PointCaptures
  readonly #isRequest: Selection
  readonly #isReply: Selection

  private constructor(captures: PointCaptures, isRequest: Selection, isReply: Selection) {
    this.#captures = captures
    this.#isRequest = isRequest
    this.#isReply = isReply
  }

  /** Begins to capture at the points whose links are there. Throws what `PointCaptures.open` throws. */
  static open(kernel: Kernel, target: ProbeTarget): ProbeCaptures {
    const there = points.filter(({ place, interface: name }) => hasLink(kernel, place, name))
    const { protocol, family, port } = target
    // What refuses a datagram is an error of ICMP.
    const icmp = family === 4 ? 'icmp' : 'icmp6'
    const filter = protocol === 'icmp' ? icmp : `${protocol} port ${port} or ${icmp}`
    return new ProbeCaptures(PointCaptures.open(kernel, there, filter), requestOf(target), replyOf(target))
  }

  /** What came by so far. */
  read(): Walk['captures'] {
    const { points: there } = this.#captures
    return rowCaptures(rowsOf(there, this.#captures.read(), this.#isRequest, this.#isReply))
  }

  [Symbol.dispose](): void {
    this.#captures[Symbol.dispose]()
  }
}

const hasLink = (kernel: Kernel, place: Place, name: string): boolean => {
  const where = places[place]
  if (where !== undefined && kernel.namespaceState(where) !== 'present') return false
  return kernel.links(where).some(link => link.name === name)
}

/** Echo request and reply (RFC 792, RFC 4443). */
const echoTypes = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } }

const requestOf =
  ({ family, protocol, address, port }: ProbeTarget): Selection =>
  header =>
    header.destination === address &&
    (protocol === 'icmp'
      ? header.icmpType === echoTypes[family].request
      : header.protocol === PROTOCOL_NUMBER[protocol] && header.destinationPort === port)

const replyOf =
  ({ family, protocol, address, port }: ProbeTarget): Selection =>
  header =>
    isIcmpError(header) ||
    (header.source === address &&
      (protocol === 'icmp'
        ? header.icmpType === echoTypes[family].reply
        : header.protocol === PROTOCOL_NUMBER[protocol] && header.sourcePort === port))

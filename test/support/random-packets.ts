import type { Packet } from '../../src/linux/nftables/evaluate/index.ts'
import type { Random } from './random-ruleset.ts'
import { addresses, type Side } from './router-stage.ts'

/** Ports that rules made at random ask for, and that packets made at random go to. */
export const ports = [22, 53, 80, 443, 1024, 8080, 8081, 9000]

let nextPort = 20_000

/** New connections between the two sides of the stage; no two share a source port. */
export const packetsOf = (random: Random, count: number): { packet: Packet; from: Side }[] =>
  Array.from({ length: count }, () => {
    const from = random.of(['left', 'right'] as const)
    const family: 4 | 6 = random.chance(0.7) ? 4 : 6
    const to = from === 'left' ? 'right' : 'left'
    const [source, destination] = [addresses[family][from], addresses[family][to]]
    const state = { ctState: 'new', ctStatus: { dnat: false, snat: false }, mark: 0, ctMark: 0 } as const
    const common = { family, source, destination, ...state }
    const sourcePort = nextPort++
    const destinationPort = random.of(ports)
    const tcp: Packet = { ...common, protocol: 6, sourcePort, destinationPort, tcpFlags: random.of([2, 16]) }
    const udp: Packet = { ...common, protocol: 17, sourcePort, destinationPort }
    const echo: Packet = {
      ...common,
      protocol: family === 4 ? 1 : 58,
      icmpType: family === 4 ? 8 : 128,
      icmpCode: 0,
      sourcePort,
    }
    const packet = random.of([tcp, tcp, udp, echo])
    return { packet: { ...packet, length: lengthOf(packet) }, from }
  })

const lengthOf = ({ family, protocol }: Packet): number =>
  (family === 4 ? 20 : 40) + (protocol === 6 ? 20 : protocol === 17 ? 12 : 8)

/** The other side's answer to a connection's first packet. The mark that rules left at the connection is not known. */
export const answerTo = (packet: Packet): Packet => {
  const { ctMark: _ctMark, ...rest } = packet
  const { source = '', destination = '', sourcePort, destinationPort, icmpType } = packet
  const original = { source, destination, ...ports2(sourcePort, destinationPort) }
  const answer: Packet = {
    ...rest,
    source: destination,
    destination: source,
    ctState: 'established',
    ctDirection: 'reply',
    ctOriginal: original,
    ctReply: { source: destination, destination: source, ...ports2(destinationPort, sourcePort) },
  }
  if (icmpType !== undefined) return { ...answer, icmpType: icmpType === 8 ? 0 : 129 }
  return {
    ...answer,
    ...ports2(destinationPort, sourcePort),
    ...(packet.tcpFlags === undefined ? {} : { tcpFlags: packet.tcpFlags === 2 ? 18 : 16 }),
  }
}

const ports2 = (sourcePort: number | undefined, destinationPort: number | undefined) => ({
  ...(sourcePort === undefined ? {} : { sourcePort }),
  ...(destinationPort === undefined ? {} : { destinationPort }),
})

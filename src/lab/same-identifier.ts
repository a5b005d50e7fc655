import type { Flow } from '../linux/conntrack/index.ts'
import { PROTOCOL_NUMBER } from '../linux/net/protocol.ts'
import { openNamespace } from '../linux/sys/namespace.ts'
import { down } from '../space/reconcile/down.ts'
import type { Context } from '../space/reconcile/types.ts'
import { up } from '../space/reconcile/up.ts'
import { validateSpec } from '../space/spec/validate.ts'
import { commandOn } from '../space/text/evidence.ts'
import { articleOutside, topics } from '../space/text/topics.ts'
import { type LabPoint, PointCaptures, type SeenPacket } from './captures.ts'
import { isEcho } from './echo-walk.ts'
import { type Asked, ping, pingTogether } from './ping.ts'
import { identifier, labFailed, network, places } from './places.ts'
import { type Proof, prove } from './proof.ts'
import type { Screen } from './screen.ts'
import type { LabResult, Stage } from './stage.ts'
import type { Teller } from './teller.ts'

/**
 * RFC 5508 section 3.1: for ICMP the query identifier plays the part of a port. Two spaces ask host2 with the same one at
 * the same time; behind the translation both have the address of host1, so one of the identifiers must become another.
 */

const { space, second, host1, host2, uplink } = network

/** The ends of the two cables, where nothing is translated yet, and beyond the translation. */
const points: readonly LabPoint[] = [
  { place: 'host1', interface: space.hostInterface },
  { place: 'host1', interface: second.hostInterface },
  { place: 'host1', interface: uplink },
  { place: 'host2', interface: uplink },
]
/** Milliseconds. */
const patience = 2000

/** What became of one space's request; undefined where it was not seen. */
export type Query = {
  space: string
  address: string
  /** At the host end of its cable, at the uplink, and at host2. */
  cable: SeenPacket['header'] | undefined
  uplink: SeenPacket['header'] | undefined
  arrived: SeenPacket['header'] | undefined
  /** The identifier of the answer, as the space got it. */
  answer: number | undefined
  connection: Pick<Flow, 'original' | 'reply'> | undefined
}

/** Brings the second space up, asks from both, proves, and takes it down again. Throws what `up` and `down` throw. */
export const showSameIdentifier = async (
  screen: Screen,
  context: Context,
  { resolved, teller }: Stage,
): Promise<LabResult> => {
  const spec = validateSpec(second.name, {
    gateway: `${second.gateway}/${network.prefixLength}`,
    address: second.address,
    hostInterface: second.hostInterface,
    interface: second.interface,
    uplink,
    fixFirewall: true,
  })
  await up(context, [spec])
  const queries = askFromBoth(context)
  await down(context, [second.name])
  screen.heading(
    `Two spaces ask with the same identifier at the same time: ${space.name}, and ${second.name} (${second.address})`,
  )
  const rows = queries.map(query => queryProof(query, teller))
  screen.table(
    ['space', 'at its cable', `at host1 ${uplink} and host2`, 'answer inside'],
    queries.flatMap((query, index) => {
      const proof = rows[index]
      return proof === undefined ? [] : [{ cells: cellsOf(query, screen, teller), proof }]
    }),
  )
  const claim = proveIdentifiers(queries, topics.reply(resolved, articleOutside).after[0] ?? '', teller)
  screen.claim(claim)
  const command = commandOn(resolved, 'trace', '--to', host2, '--source-port', `${identifier}`)
  screen.shownBy([
    { command, shows: 'from each of two spaces, at postrouting: the identifier becomes another' },
  ])
  return { proofs: [...rows, claim], tables: { identifiers: queries.map(queryObject) } }
}

const askFromBoth = ({ kernel }: Context): Query[] => {
  using one = openNamespace(places.myspace)
  using other = openNamespace(second.path)
  // The first packet on a new cable may be lost, while the ends look for each other.
  const warm = ping(other.number, second.gateway, { identifier: 1, attempts: 30, milliseconds: 100 })
  if (warm.reply === undefined) throw labFailed(`${second.name} gets no answer from ${second.gateway}`)
  using captures = PointCaptures.open(kernel, points, 'icmp')
  const asked = pingTogether([one.number, other.number], host2, { identifier, milliseconds: patience })
  const packets = captures.read().filter(({ header }) => isEcho('request')(header))
  const flows = kernel.flows(undefined, { protocol: PROTOCOL_NUMBER.icmp, originalDestination: host2 })
  return [space, second].flatMap(({ name, address }, index) => {
    const own = asked[index]
    return own === undefined ? [] : [queryOf({ name, address, cable: index }, own, packets, flows)]
  })
}

const queryOf = (
  { name, address, cable }: { name: string; address: string; cable: number },
  { payload, reply }: Asked,
  packets: readonly SeenPacket[],
  flows: readonly Flow[],
): Query => {
  // What it carries tells a packet from others, whatever its addresses have become.
  const at = (point: number) =>
    packets.find(packet => packet.point === point && endsWith(packet.bytes, payload))?.header
  const connection = flows.find(
    ({ original }) => original.source === address && original.icmp?.id === identifier,
  )
  return {
    space: name,
    address,
    cable: at(cable),
    uplink: at(2),
    arrived: at(3),
    answer: reply?.destination === address ? reply.identifier : undefined,
    connection: connection && { original: connection.original, reply: connection.reply },
  }
}

const endsWith = (bytes: Uint8Array, end: Uint8Array): boolean =>
  bytes.length >= end.length && end.every((byte, index) => byte === bytes[bytes.length - end.length + index])

/** One space: its identifier inside, the same packet with host1's address outside, and its answer as if nothing had been. */
export const queryProof = (
  { space: name, address, cable, uplink: left, arrived, answer }: Query,
  teller: Teller,
): Proof =>
  prove(
    `${name} asks with the identifier ${identifier}, and is answered`,
    `at its cable ${address} > ${host2}, id ${identifier}; beyond, ${host1} > ${host2}; answered, id ${identifier}`,
    () => {
      const outside = [left, arrived].map(header =>
        header === undefined ? 'not seen' : teller.packet(header),
      )
      const ok =
        cable?.source === address &&
        cable.icmpId === identifier &&
        left?.source === host1 &&
        outside[0] === outside[1] &&
        answer === identifier
      const inside = cable === undefined ? 'not seen' : teller.packet(cable)
      const beyond = [...new Set(outside)].join(' and ')
      return { ok, seen: `at its cable ${inside}; beyond, ${beyond}; ${answerText(answer)}` }
    },
  )

const answerText = (answer: number | undefined): string =>
  answer === undefined ? 'no answer' : `answered, id ${answer}`

const cellsOf = (query: Query, { paint }: Screen, teller: Teller): string[] => {
  const { space: name, cable, arrived, answer, address } = query
  const changed = [
    ...(cable?.source === arrived?.source ? [] : ['source']),
    ...(cable?.icmpId === arrived?.icmpId ? [] : ['icmpId']),
  ]
  return [
    name,
    cable === undefined ? '-' : teller.packet(cable),
    arrived === undefined ? '-' : teller.packet(arrived, changed, text => paint.changed(text)),
    answer === undefined ? '-' : `${host2} > ${address}, id ${answer}`,
  ]
}

/** Outside the two differ, and conntrack knows both: the sentence of `natspace explain reply` about the identifier. */
export const proveIdentifiers = (queries: readonly Query[], sentence: string, teller: Teller): Proof =>
  prove('the identifier of one had to be changed', sentence, () => {
    const outside = queries.map(({ arrived }) => arrived?.icmpId)
    const kept = outside.filter(id => id === identifier)
    const isTracked = queries.every(
      ({ connection, arrived }) =>
        connection?.original.icmp?.id === identifier &&
        connection.reply.icmp?.id === arrived?.icmpId &&
        connection.reply.destination === host1,
    )
    const ok = queries.length === 2 && new Set(outside).size === 2 && kept.length === 1 && isTracked
    return {
      ok,
      seen: queries
        .map(({ connection, space: name }) =>
          connection === undefined
            ? `conntrack knows nothing of ${name}`
            : `conntrack  ${teller.tuple(connection.original)}; its replies ${teller.tuple(connection.reply)}`,
        )
        .join('\n'),
    }
  })

const queryObject = ({ cable, uplink: left, arrived, answer, connection, ...facts }: Query) => ({
  ...facts,
  cable: cable ?? null,
  uplink: left ?? null,
  host2: arrived ?? null,
  answer: answer ?? null,
  connection: connection ?? null,
})

import { identifier, network } from './places.ts'
import { type Proof, prove } from './proof.ts'
import { isInOrder, isOnePacket, type LabRow, type LabSighting, sinceText } from './sightings.ts'
import type { Teller } from './teller.ts'

/** The table of captures, row by row: what each point must have seen of one echo. All pure. */

const { host1, host2, space } = network
const inside = {
  request: `${space.address} > ${host2}, id ${identifier}`,
  reply: `${host2} > ${space.address}, id ${identifier}`,
}
const translated = {
  request: `${host1} > ${host2}, id ${identifier}`,
  reply: `${host2} > ${host1}, id ${identifier}`,
}
/** What a point must see, as texts; undefined: it does not come by. */
export type ExpectedRow = { request: string | undefined; reply: string | undefined }

/** What `outboundPoints` must see of an echo that is answered. */
export const answeredRows: readonly ExpectedRow[] = [inside, inside, translated, translated]

/** Without step 8 the request is nowhere translated, and its answer comes to no point of host1. */
export const untranslatedAt = { host1: { ...inside, reply: undefined }, host2: inside }

/** A request that comes as far as to a point and is not answered, and a point that it does not come to. */
export const arrived: ExpectedRow = { request: inside.request, reply: undefined }
export const absent: ExpectedRow = { request: undefined, reply: undefined }

/** One proof for each point: the packets with their ends, or that none came by; `what` they are: the echo. */
export const captureProofs = (
  what: string,
  rows: readonly LabRow[],
  expectations: readonly ExpectedRow[],
  teller: Pick<Teller, 'packet'>,
): Proof[] =>
  rows.map(({ place, interface: name, request, reply }, index) => {
    const expected = pairText(expectations[index] ?? absent)
    return prove(`${what} at ${place} ${name}`, expected, () => {
      const seen = pairText({ request: sightingText(request, teller), reply: sightingText(reply, teller) })
      return { ok: seen === expected, seen }
    })
  })

/** That all points saw one request, and one reply, each no earlier than the point before. */
export const proveOnePacket = (what: string, rows: readonly LabRow[]): Proof =>
  prove(`${what} is one packet at all of them`, 'one identification, and times that rise on the way', () => {
    const requests = rows.map(row => row.request)
    const replies = rows.map(row => row.reply).reverse()
    const ok = [requests, replies].every(sightings => isOnePacket(sightings) && isInOrder(sightings))
    return { ok, seen: `request ${identityText(requests)}; reply ${identityText(replies)}` }
  })

const pairText = ({ request, reply }: ExpectedRow): string =>
  `request ${request ?? 'not seen'}; reply ${reply ?? 'not seen'}`

const sightingText = (
  sighting: LabSighting | undefined,
  { packet }: Pick<Teller, 'packet'>,
): string | undefined => sighting && packet(sighting.header)

/** 'ip id 55318, +0 +12 +20 +31 µs' */
const identityText = (sightings: readonly (LabSighting | undefined)[]): string => {
  const ids = [...new Set(sightings.map(sighting => sighting?.header.ipId))]
  const times = sightings.map(sighting =>
    sighting === undefined ? 'never' : sinceText(sightings[0]?.time, sighting.time),
  )
  return `ip id ${ids.map(id => id ?? 'none').join(' and ')}, ${times.join(' ')} µs`
}

import { formatIp } from '../../net/ip.ts'
import { cutShort, type Layer, type Place, place } from './layer.ts'
import { bytesAt, holds, present, type Slice, u16, u32 } from './slice.ts'

/** A question of a DNS message. `type` is its number: 1 is A. */
export type DnsQuestion = { name: string; type: number; class: number }

/** An answer; `data` is the address of A and AAAA, the name of CNAME, NS and PTR, else undefined. */
export type DnsAnswer = DnsQuestion & { ttl: number; data: string | undefined }

/**
 * A DNS message (RFC 1035): its questions and answers. Names are in the form of zone files (section 5.1): bytes that
 * are not visible ASCII are `\DDD`, so a name can be shown anywhere whatever its sender put in it.
 */
export type Dns = Place & {
  type: 'dns'
  id: number
  response: boolean
  opcode: number
  authoritative: boolean
  truncated: boolean
  recursionDesired: boolean
  recursionAvailable: boolean
  /** 0 no error, 2 server failure, 3 no such name, 5 refused. */
  rcode: number
  /** Entries that the header promises. */
  counts: { questions: number; answers: number; authority: number; additional: number }
  questions: DnsQuestion[]
  answers: DnsAnswer[]
  /** Bytes of the message on the wire. */
  length: number
  /** Not all the questions and answers could be read: cut off, or malformed. */
  incomplete: boolean
}

/** Entries read of one message: no real one has as many. */
const mostEntries = 64

const types: Record<number, string> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  41: 'OPT',
  43: 'DS',
  48: 'DNSKEY',
  64: 'SVCB',
  65: 'HTTPS',
  255: 'ANY',
}

/** Name of a record type (IANA): `AAAA`; `TYPE1234` for one that has none here (RFC 3597 section 5). */
export const dnsTypeName = (type: number): string => types[type] ?? `TYPE${type}`

/** Reads a DNS message. */
export const decodeDns = (slice: Slice, layers: Layer[]): void => {
  if (!holds(slice, 12)) {
    if (slice.whole > slice.at) layers.push(cutShort(slice, 'dns', 12))
    return
  }
  const flags = u16(slice, 2)
  const counts = {
    questions: u16(slice, 4),
    answers: u16(slice, 6),
    authority: u16(slice, 8),
    additional: u16(slice, 10),
  }
  const { questions, answers, incomplete } = entries(slice, counts)
  layers.push({
    type: 'dns',
    ...place(slice, present(slice)),
    id: u16(slice, 0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    rcode: flags & 15,
    counts,
    questions,
    answers,
    length: slice.whole - slice.at,
    incomplete,
  })
}

const entries = (slice: Slice, counts: Dns['counts']): Pick<Dns, 'questions' | 'answers' | 'incomplete'> => {
  const [questions, answers]: [DnsQuestion[], DnsAnswer[]] = [[], []]
  let at = 12
  const ended = () => ({ questions, answers, incomplete: true })
  for (let i = 0; i < counts.questions; i++) {
    const name = nameAt(slice, at)
    if (i >= mostEntries || name === undefined || !holds(slice, name.next + 4)) return ended()
    questions.push({ name: name.text, type: u16(slice, name.next), class: u16(slice, name.next + 2) })
    at = name.next + 4
  }
  for (let i = 0; i < counts.answers; i++) {
    const name = nameAt(slice, at)
    if (i >= mostEntries || name === undefined || !holds(slice, name.next + 10)) return ended()
    const [type, length, start] = [u16(slice, name.next), u16(slice, name.next + 8), name.next + 10]
    if (!holds(slice, start + length)) return ended()
    const [kind, ttl] = [u16(slice, name.next + 2), u32(slice, name.next + 4)]
    answers.push({ name: name.text, type, class: kind, ttl, data: dataOf(slice, type, start, length) })
    at = start + length
  }
  return { questions, answers, incomplete: false }
}

const dataOf = (slice: Slice, type: number, at: number, length: number): string | undefined => {
  if ((type === 1 && length === 4) || (type === 28 && length === 16))
    return formatIp(bytesAt(slice, at, length))
  return type === 2 || type === 5 || type === 12 ? nameAt(slice, at)?.text : undefined
}

/**
 * The name at an offset of the message, and where what follows it begins; undefined if it cannot be read. A compressed
 * name (RFC 1035 section 4.1.4) goes on at an earlier place only, so that no message can make this run for ever.
 */
const nameAt = (slice: Slice, start: number): { text: string; next: number } | undefined => {
  let [at, limit, text] = [start, start, '']
  let next: number | undefined
  for (;;) {
    if (!holds(slice, at + 1)) return undefined
    const length = slice.view.getUint8(slice.at + at)
    if (length === 0) return { text: text === '' ? '.' : text, next: next ?? at + 1 }
    if (length >= 0xc0) {
      if (!holds(slice, at + 2)) return undefined
      const target = u16(slice, at) & 0x3fff
      if (target >= limit) return undefined
      next ??= at + 2
      at = target
      limit = target
      continue
    }
    // 255 bytes is the longest name, and each is at most four characters here.
    if (length > 63 || text.length > 4 * 255 || !holds(slice, at + 1 + length)) return undefined
    text += `${labelText(bytesAt(slice, at + 1, length))}.`
    at += 1 + length
  }
}

const labelText = (label: Uint8Array): string =>
  Array.from(label, byte => {
    if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
    return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${`${byte}`.padStart(3, '0')}`
  }).join('')

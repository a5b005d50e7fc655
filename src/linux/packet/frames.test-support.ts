/** Frames made by hand for tests: right in every length and checksum unless the test damages them. */
import fc from 'fast-check'
import { internetChecksum } from '../net/checksum.ts'
import { parseIp } from '../net/ip.ts'

export const bytes = (...parts: readonly (number | Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap(part => (typeof part === 'number' ? [part] : [...part])))

export const word = (value: number): number[] => [(value >> 8) & 255, value & 255]
export const long = (value: number): number[] => [...word(value >>> 16), ...word(value & 0xffff)]
export const address = (text: string): Uint8Array => parseIp(text) ?? new Uint8Array(0)

export const ethernet = (etherType: number, payload: Uint8Array, tags: readonly number[] = []): Uint8Array =>
  bytes(
    [0x02, 0, 0, 0, 0, 2],
    [0x02, 0, 0, 0, 0, 1],
    tags.flatMap(tag => [0x81, 0, ...word(tag)]),
    word(etherType),
    payload,
  )

export type Ip = { source: string; destination: string }

export type Ipv4Fields = Ip & { options?: readonly number[]; fragment?: number; id?: number }

export const ipv4 = (protocol: number, fields: Ipv4Fields, payload: Uint8Array): Uint8Array => {
  const { source, destination, options = [], fragment = 0, id = 1 } = fields
  const size = 20 + options.length
  const header = bytes(
    [0x40 | (size / 4), 0],
    word(size + payload.length),
    word(id),
    word(fragment),
    [64, protocol, 0, 0],
    address(source),
    address(destination),
    options,
  )
  header.set(word(internetChecksum(header)), 10)
  return bytes(header, payload)
}

export const ipv6 = (next: number, { source, destination }: Ip, payload: Uint8Array): Uint8Array =>
  bytes([0x60, 0, 0, 0], word(payload.length), [next, 64], address(source), address(destination), payload)

/** The same with its checksum at `at` made right; as part of the packet between these addresses. */
export const summed = (
  protocol: number,
  { source, destination }: Ip,
  at: number,
  segment: Uint8Array,
): Uint8Array => {
  const pseudo = bytes(address(source), address(destination), long(segment.length), [0, 0, 0, protocol])
  const right = segment.slice()
  right.set([0, 0], at)
  right.set(word(internetChecksum(bytes(pseudo, right))), at)
  return right
}

export type TcpFields = {
  from: number
  to: number
  flags?: number
  options?: readonly number[]
  data?: readonly number[]
}

export const tcp = (ip: Ip, { from, to, flags = 2, options = [], data = [] }: TcpFields): Uint8Array =>
  summed(
    6,
    ip,
    16,
    bytes(
      word(from),
      word(to),
      long(1000),
      long(flags & 16 ? 2000 : 0),
      [((20 + options.length) / 4) << 4, flags],
      word(64240),
      [0, 0, 0, 0],
      options,
      data,
    ),
  )

export const udp = (
  ip: Ip,
  { from, to, data = [] }: { from: number; to: number; data?: readonly number[] | Uint8Array },
): Uint8Array => summed(17, ip, 6, bytes(word(from), word(to), word(8 + data.length), [0, 0], data))

export const icmp = (type: number, code: number, rest: readonly number[] | Uint8Array): Uint8Array => {
  const message = bytes(type, code, 0, 0, rest)
  message.set(word(internetChecksum(message)), 2)
  return message
}

export const arp = (operation: number, sender: string, target: string): Uint8Array =>
  bytes(
    [0, 1, 8, 0, 6, 4],
    word(operation),
    [2, 0, 0, 0, 0, 1],
    address(sender),
    [0, 0, 0, 0, 0, 0],
    address(target),
  )

/** Few of each, so that packets and filters made at random meet. */
export const hosts4 = ['192.168.45.3', '192.168.1.15', '10.0.0.1', '10.0.7.9']
export const hosts6 = ['fd00::3', 'fd00::15', 'fe80::1', '2001:db8::7']
export const portNumbers = [22, 53, 80, 443, 8080, 9000]

const port = fc.constantFrom(...portNumbers)
const data = fc.uint8Array({ maxLength: 40 })

const transportOf = (ip: Ip, family: 4 | 6): fc.Arbitrary<{ protocol: number; segment: Uint8Array }> =>
  fc.oneof(
    fc
      .record({ from: port, to: port, flags: fc.integer({ min: 0, max: 255 }), data })
      .map(fields => ({ protocol: 6, segment: tcp(ip, { ...fields, data: [...fields.data] }) })),
    fc.record({ from: port, to: port, data }).map(fields => ({ protocol: 17, segment: udp(ip, fields) })),
    fc.record({ from: port, to: port }).map(({ from, to }) => ({
      protocol: 132,
      segment: bytes(word(from), word(to), long(7), long(0), [1, 0, 0, 4]),
    })),
    fc.record({ type: fc.constantFrom(0, 3, 8, 11), data }).map(({ type, data }) => ({
      protocol: family === 4 ? 1 : 58,
      segment:
        family === 4
          ? icmp(type, 0, bytes([0, 1, 0, 2], data))
          : summed(58, ip, 2, bytes(type + 120, 0, 0, 0, [0, 1, 0, 2], data)),
    })),
    fc
      .record({ protocol: fc.constantFrom(47, 50, 2), data })
      .map(({ protocol, data }) => ({ protocol, segment: data })),
  )

const ip4: fc.Arbitrary<Uint8Array> = fc
  .record({
    source: fc.constantFrom(...hosts4),
    destination: fc.constantFrom(...hosts4),
    options: fc.constantFrom<readonly number[]>([], [], [1, 1, 1, 0], [148, 4, 0, 0, 1, 1, 1, 0]),
    fragment: fc.constantFrom(0, 0, 0, 0x4000, 0x2000, 0x2003, 9),
  })
  .chain(fields =>
    transportOf(fields, 4).map(({ protocol, segment }) => ethernet(0x0800, ipv4(protocol, fields, segment))),
  )

const ip6: fc.Arbitrary<Uint8Array> = fc
  .record({
    source: fc.constantFrom(...hosts6),
    destination: fc.constantFrom(...hosts6),
    extension: fc.constantFrom('none', 'none', 'fragment', 'later', 'options'),
  })
  .chain(fields =>
    transportOf(fields, 6).map(({ protocol, segment }) => {
      const offset = fields.extension === 'later' ? 0x10 : 1
      const header =
        fields.extension === 'options'
          ? [protocol, 0, 1, 4, 0, 0, 0, 0]
          : [protocol, 0, 0, offset, 0, 0, 0, 9]
      const [next, payload] =
        fields.extension === 'none'
          ? [protocol, segment]
          : [fields.extension === 'options' ? 60 : 44, bytes(header, segment)]
      return ethernet(0x86dd, ipv6(next, fields, payload))
    }),
  )

const others: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .record({
      operation: fc.constantFrom(1, 2),
      sender: fc.constantFrom(...hosts4),
      target: fc.constantFrom(...hosts4),
    })
    .map(({ operation, sender, target }) => ethernet(0x0806, arp(operation, sender, target))),
  fc
    .tuple(fc.constantFrom(0x88cc, 0x8035, 0x0026), fc.uint8Array({ minLength: 28, maxLength: 60 }))
    .map(([type, rest]) => ethernet(type, rest)),
  ip4.map(frame => bytes(frame.subarray(0, 12), [0x81, 0, 0, 5], frame.subarray(12))),
)

/** Any frame, whole. */
export const anyFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 5, arbitrary: ip4 },
  { weight: 3, arbitrary: ip6 },
  { weight: 1, arbitrary: others },
)

/** Any frame, perhaps cut, and perhaps with a byte changed. */
export const anyDamagedFrame: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    anyFrame,
    fc.nat(200),
    fc.array(fc.tuple(fc.nat(120), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
  )
  .map(([frame, cut, changes]) => {
    const damaged = frame.slice(0, Math.max(0, Math.min(frame.length, cut)))
    for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value
    return damaged
  })

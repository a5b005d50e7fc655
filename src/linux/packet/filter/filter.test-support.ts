/** The kernel's filter machine, and filters made at random. */
import fc from 'fast-check'
import { hosts4, hosts6, portNumbers } from '../frames.test-support.ts'
import type { Instruction } from './instruction.ts'

/**
 * Runs a program of classic BPF as the kernel does (Documentation/networking/filter.rst): how many bytes it selects. It
 * knows all instructions there are and nothing of how ours come about; throws for a code that the kernel would refuse.
 */
export const runProgram = (program: readonly Instruction[], packet: Uint8Array, length: number): number => {
  const memory = new Array<number | undefined>(16).fill(undefined)
  let [a, x] = [0, 0]
  const cell = (k: number): number => {
    const value = memory[k]
    if (value === undefined) throw new Error(`M[${k}] is read before it is written`)
    return value
  }
  for (let pc = 0; ; pc++) {
    const instruction = program[pc]
    if (instruction === undefined) throw new Error('The program ends without an answer')
    const { code, jt, jf, k } = instruction
    const kind = code & 7
    if (kind === 6) return (code & 0x18) === 0x10 ? a : k
    if (kind === 0 || kind === 1) {
      const mode = code & 0xe0
      const size = { 0: 4, 8: 2, 16: 1 }[code & 0x18] ?? 0
      let value = k
      if (mode === 0x60) value = cell(k)
      else if (mode === 0x80) value = length
      else if (mode !== 0) {
        const at = mode === 0x40 ? x + k : k
        const wanted = mode === 0xa0 ? 1 : size
        if (at + wanted > packet.length) return 0
        value = Number.parseInt(Buffer.from(packet.subarray(at, at + wanted)).toString('hex'), 16)
        if (mode === 0xa0) value = (value & 15) * 4
      }
      if (kind === 0) a = value
      else x = value
    } else if (kind === 2) memory[k] = a
    else if (kind === 3) memory[k] = x
    else if (kind === 7) {
      if ((code & 0xf8) === 0x80) a = x
      else x = a
    } else if (kind === 4) {
      const b = code & 8 ? x : k
      const operation = code & 0xf0
      if ((operation === 0x30 || operation === 0x90) && b === 0) return 0
      const [wide, other] = [BigInt(a), BigInt(b)]
      const results: Record<number, () => bigint> = {
        0: () => wide + other,
        16: () => wide - other,
        32: () => wide * other,
        48: () => wide / other,
        64: () => wide | other,
        80: () => wide & other,
        96: () => wide << (other & 31n),
        112: () => wide >> (other & 31n),
        128: () => -wide,
        144: () => wide % other,
        160: () => wide ^ other,
      }
      const result = results[operation]
      if (result === undefined) throw new Error(`No instruction ${code}`)
      a = Number(BigInt.asUintN(32, result()))
    } else {
      const b = code & 8 ? x : k
      const condition = code & 0xf0
      if (condition === 0) {
        pc += k
        continue
      }
      const holds =
        condition === 0x10
          ? a === b
          : condition === 0x20
            ? a > b
            : condition === 0x30
              ? a >= b
              : (a & b) !== 0
      pc += holds ? jt : jf
    }
  }
}

const port = fc.constantFrom(...portNumbers)
const direction = fc.constantFrom('', '', 'src ', 'dst ', 'src or dst ', 'src and dst ')

const primitive: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('ip', 'ip6', 'arp', 'rarp', 'tcp', 'udp', 'icmp', 'icmp6', 'sctp'),
  fc
    .tuple(fc.constantFrom('', 'ip ', 'arp '), direction, fc.constantFrom(...hosts4))
    .map(([protocol, way, host]) => `${protocol}${way}host ${host}`),
  fc
    .tuple(fc.constantFrom('', 'ip6 '), direction, fc.constantFrom(...hosts6))
    .map(([protocol, way, host]) => `${protocol}${way}host ${host}`),
  fc
    .tuple(
      direction,
      fc.constantFrom(
        '10',
        '10.0',
        '192.168.0.0/16',
        '10.0.0.0/21',
        'fd00::/16',
        '192.168.45.0 mask 255.255.255.0',
        'fe80::/10',
        '2001:db8::/33',
      ),
    )
    .map(([way, net]) => `${way}net ${net}`),
  fc
    .tuple(fc.constantFrom('', 'tcp ', 'udp ', 'sctp '), direction, port)
    .map(([protocol, way, number]) => `${protocol}${way}port ${number}`),
  fc
    .tuple(fc.constantFrom('', 'tcp ', 'udp '), direction, port, port)
    .map(([protocol, way, a, b]) => `${protocol}${way}portrange ${Math.min(a, b)}-${Math.max(a, b)}`),
  fc.constantFrom('ip proto 47', 'ip6 proto 50', 'ip proto \\udp', 'ether proto 0x88cc', 'ether proto \\arp'),
  fc.constantFrom(
    'ether host 02:00:00:00:00:01',
    'ether src 02:00:00:00:00:01',
    'ether dst 02:00:00:00:00:09',
  ),
  fc
    .tuple(fc.constantFrom('less', 'greater'), fc.integer({ min: 30, max: 120 }))
    .map(([word, size]) => `${word} ${size}`),
)

const accessAt = (offset: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom('ether', 'ip', 'ip6', 'tcp', 'udp', 'icmp', 'icmp6', 'arp', 'sctp'),
      offset,
      fc.constantFrom('', ':1', ':2', ':4'),
    )
    .map(([protocol, at, size]) => `${protocol}[${at}${size}]`)

const plainAccess = accessAt(
  fc.oneof(
    fc.integer({ min: 0, max: 20 }).map(String),
    fc.constantFrom('len >> 3', 'icmptype + 1', 'len & 7'),
  ),
)
const nestedAccess = accessAt(
  fc.constantFrom('ip[0] & 3', 'ether[20] >> 4', 'len - 60', 'tcp[12] >> 2', 'udp[4:2]', 'ether[14:4]'),
)

const comparisonOf = (access: fc.Arbitrary<string>, second: fc.Arbitrary<string>): fc.Arbitrary<string> => {
  const operand = fc.oneof(
    access,
    fc.constantFrom('len', '0', '1', '17', '0x40', '0377', 'tcp-syn', '(tcp-syn|tcp-ack)', 'icmp-echo'),
  )
  const pair = fc
    .tuple(operand, fc.constantFrom('+', '-', '*', '&', '|'), second)
    .map(parts => parts.join(' '))
  const fixed = fc
    .tuple(operand, fc.constantFrom('<< 2', '>> 4', '/ 3', '* 3 - 1'))
    .map(parts => parts.join(' '))
  const arithmetic = fc.oneof({ weight: 2, arbitrary: operand }, pair, fixed)
  return fc
    .tuple(arithmetic, fc.constantFrom('=', '!=', '<', '<=', '>', '>=', '=='), arithmetic)
    .map(parts => parts.join(' '))
}

const filterOf = (comparison: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.letrec<{ all: string; term: string }>(tie => ({
    term: fc.oneof(
      { maxDepth: 3 },
      primitive,
      primitive,
      comparison,
      tie('term').map(term => `not ${term}`),
      tie('all').map(all => `(${all})`),
    ),
    all: fc.oneof(
      { maxDepth: 3 },
      tie('term'),
      fc
        .tuple(tie('all'), fc.constantFrom('and', 'or', '&&', '||'), tie('term'))
        .map(parts => parts.join(' ')),
    ),
  })).all

const unconditional = fc.constantFrom('len', '3', '0xff', 'ether[0]', '(tcp-syn|tcp-ack)')

/** Filters without bytes that a frame may lack, so that it does not matter in which order a program looks at them. */
export const plainFilter = filterOf(
  comparisonOf(fc.constantFrom('ether[0]', 'ether[12:2]', 'ip[9]', 'len'), unconditional),
)

/** Filters that libpcap takes too, and means the same by. */
export const commonFilter = filterOf(comparisonOf(plainAccess, unconditional))

const anyAccess = fc.oneof(plainAccess, nestedAccess)

/**
 * Any filter. libpcap forgets to ask for the protocol of bytes that are the second part of an operation (`len + ip[0]`),
 * and for the outer one where bytes are an offset within others (`tcp[ip[0] & 3]`).
 */
export const anyFilter = filterOf(comparisonOf(anyAccess, anyAccess))

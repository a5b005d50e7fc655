import { type ByteOrder, bytesInteger, type Datatype } from '../datatypes/datatype.ts'
import { integer } from '../datatypes/index.ts'
import { extensionsOf } from '../headers/extensions.ts'
import { fieldOf, type HeaderName, headerOf } from '../headers/headers.ts'
import { type Operand, partsOf } from '../syntax/operand.ts'
import { operandTypes } from '../syntax/operand-type.ts'
import type { PacketKnowledge } from './packet.ts'
import { isPlain, type Loaded, type Source, type Step } from './registers.ts'

/** From bytes of a packet to the names of headers and fields. */

/** A run of bits in the bytes a source has: from the first bit of the source on. */
export type BitRun = { offset: number; length: number }

/** The bits that a mask keeps, when they are one run. */
export const runOf = (mask: Uint8Array): BitRun | undefined => {
  const bits = [...mask].map(byte => byte.toString(2).padStart(8, '0')).join('')
  const found = /^(0*)(1+)0*$/.exec(bits)
  return found ? { offset: (found[1] as string).length, length: (found[2] as string).length } : undefined
}

/** The operand for bits of a source that are exactly a field, or undefined. Says nothing of use (see `noteUse`). */
export const fieldAt = (packet: PacketKnowledge, source: Source, run?: BitRun): Operand | undefined => {
  if (source.kind === 'payload') {
    const offset = source.offset + (run?.offset ?? 0)
    const length = run?.length ?? source.length
    for (const header of headersAt(packet, source)) {
      const field = namedField(packet, header, offset, length)
      if (field !== undefined) return { kind: 'payload', header, field }
    }
    return undefined
  }
  if (source.kind === 'extension') {
    const offset = source.offset + (run?.offset ?? 0)
    const length = run?.length ?? source.length
    for (const [name, extension] of Object.entries(extensionsOf(source.of))) {
      if (extension.number !== source.number) continue
      for (const [field, [at, bits]] of Object.entries(extension.fields))
        if (at === offset && bits === length) return { kind: 'extension', of: source.of, name, field }
    }
  }
  return undefined
}

/** Headers that may explain bytes, the likeliest first. */
export const headersAt = (
  packet: PacketKnowledge,
  source: Extract<Source, { kind: 'payload' }>,
): HeaderName[] => {
  const known = packet.header(source.base)
  if (source.base === 'transport') return known === undefined ? ['th'] : [known, 'th']
  if (known === undefined) return []
  return known === 'vlan' ? ['vlan', 'ether'] : [known]
}

const errorTypes: Readonly<Record<string, string>> = {
  'icmp mtu': 'destination-unreachable',
  'icmp gateway': 'redirect',
  'icmpv6 mtu': 'packet-too-big',
  'icmpv6 parameter-problem': 'parameter-problem',
  'icmpv6 max-delay': 'mld-listener-query',
}

const namedField = (
  packet: PacketKnowledge,
  header: HeaderName,
  offset: number,
  length: number,
): string | undefined => {
  const fields = Object.entries(headerOf(header).fields).filter(
    ([, [at, bits]]) => at === offset && bits === length,
  )
  // Parts of ICMP messages have several names; which one is right depends on the message's type.
  const fitting = fields.find(([name]) => {
    const type = errorTypes[`${header} ${name}`]
    return type !== undefined && type === packet.icmpType
  })
  return (fitting ?? fields.find(([name]) => errorTypes[`${header} ${name}`] === undefined) ?? fields[0])?.[0]
}

/** Takes note that an operand is printed: what it implies need not be. */
export const noteUse = (packet: PacketKnowledge, operand: Operand): void => {
  switch (operand.kind) {
    case 'payload':
      packet.use(operand.header, operand.field)
      if (errorTypes[`${operand.header} ${operand.field}`] !== undefined) packet.useIcmpType()
      return
    case 'extension':
      if (operand.of === 'ipv6' || operand.of === 'ipv4') packet.useFamily()
      return
    default:
      for (const part of partsOf(operand)) noteUse(packet, part)
  }
}

/** An operand with the steps that were taken on it, and how its bytes lie now. */
export type Resolved = { operand: Operand; type: Datatype; order: ByteOrder }

/** A source by its name, or as bytes without one. */
export const sourceOperand = (packet: PacketKnowledge, source: Source): Operand => {
  if (source.kind === 'operand') return source.operand
  const field = fieldAt(packet, source)
  if (field !== undefined) return field
  if (source.kind === 'payload')
    return { kind: 'rawPayload', base: source.base, offset: source.offset, length: source.length }
  if (source.kind === 'extension')
    return {
      kind: 'rawExtension',
      of: source.of,
      number: source.number,
      offset: source.offset,
      length: source.length,
    }
  return { kind: 'value', value: bytesInteger(source.value, 'network'), types: [integer.name] }
}

/** What a register holds, as one operand. Notes its use, unless that says nothing of the packet's headers (`silent`). */
export const resolve = (packet: PacketKnowledge, loaded: Loaded, silent = false): Resolved => {
  const steps = [...loaded.steps]
  let operand = trimmed(packet, loaded.source, steps) ?? sourceOperand(packet, loaded.source)
  if (!silent) noteUse(packet, operand)
  const type = operandTypes(operand)[0]?.type ?? integer
  let { order } = type
  for (const step of steps) {
    if (step.kind === 'byteorder') order = 'network'
    else if (step.kind === 'shift')
      operand = { kind: 'bitwise', operand, operator: step.operator, value: step.amount }
    else operand = maskedOperand(operand, type, order, step)
  }
  return { operand, type, order }
}

/** A mask (and a shift down to bit 0 behind it) that cuts out exactly a field. Takes these steps from the list. */
const trimmed = (packet: PacketKnowledge, source: Source, steps: Step[]): Operand | undefined => {
  const [mask, shift] = steps
  if (mask?.kind !== 'mask' || mask.xor.some(byte => byte !== 0)) return undefined
  const run = runOf(mask.mask)
  const field = run && fieldAt(packet, source, run)
  if (run === undefined || field === undefined) return undefined
  const down = mask.mask.length * 8 - run.offset - run.length
  if (down > 0 && !(shift?.kind === 'shift' && shift.operator === '>>' && shift.amount === down))
    return undefined
  steps.splice(0, down > 0 ? 2 : 1)
  return field
}

/** A field that a mask cut out and left where it is: nft shifts the elements of a set in place up, not the field down. */
export const fieldInPlace = (
  packet: PacketKnowledge,
  loaded: Loaded | undefined,
): { operand: Operand; shift: number } | undefined => {
  const [mask, ...more] = loaded?.steps ?? []
  if (loaded === undefined || mask?.kind !== 'mask' || more.length > 0 || !isPlain(mask.xor)) return undefined
  const run = runOf(mask.mask)
  const shift = run === undefined ? 0 : mask.mask.length * 8 - run.offset - run.length
  const operand = run && shift > 0 ? fieldAt(packet, loaded.source, run) : undefined
  if (operand === undefined) return undefined
  noteUse(packet, operand)
  return { operand, shift }
}

/**
 * (x & mask) ^ xor in the words of nft: bits that are cleared and set again are set (`|`), bits that are kept and turned
 * are turned (`^`), and the rest are cleared (`&`).
 */
export const maskedOperand = (
  operand: Operand,
  type: Datatype,
  order: ByteOrder,
  { mask, xor }: Extract<Step, { kind: 'mask' }>,
): Operand => {
  const kept = bytesInteger(mask, order)
  const turned = bytesInteger(xor, order)
  const all = (1n << BigInt(mask.length * 8)) - 1n
  const set = turned & ~kept
  const and = kept | set
  const flip = turned ^ set
  let result = operand
  const apply = (operator: '&' | '|' | '^', value: bigint) => {
    result = { kind: 'bitwise', operand: result, operator, value: type.fromInteger(value, mask.length * 8) }
  }
  if (and !== all) apply('&', and)
  if (flip !== 0n) apply('^', flip)
  if (set !== 0n) apply('|', set)
  return result
}

/** The field of a header that begins at an offset and is longer than the bytes at hand: these are a prefix of it. */
export const fieldBeginningAt = (
  packet: PacketKnowledge,
  source: Extract<Source, { kind: 'payload' }>,
  offset: number,
  most: number,
): { header: HeaderName; field: string; length: number } | undefined => {
  const header = packet.header(source.base)
  if (header === undefined) return undefined
  const fields = Object.keys(headerOf(header).fields).filter(name => fieldOf(header, name)[0] === offset)
  const exact = fields.find(name => fieldOf(header, name)[1] <= most)
  const longer = fields.find(name => fieldOf(header, name)[1] > most)
  const field = exact ?? longer
  return field === undefined ? undefined : { header, field, length: fieldOf(header, field)[1] }
}

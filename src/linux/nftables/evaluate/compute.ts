import type { Infer } from '../../netlink/codec.ts'
import { littleEndian } from '../../netlink/writer.ts'
import type { bitwiseExpression } from '../expressions/bitwise.ts'
import type { byteorderExpression } from '../expressions/byteorder.ts'
import { and, type Bits, knownBits, or, unknownBits, xor } from './bits.ts'
import type { Context } from './context.ts'
import { goOn, type Step } from './step.ts'

/** Computes bits of a register. net/netfilter/nft_bitwise.c. */
export const evaluateBitwise = (
  data: Infer<typeof bitwiseExpression>,
  { registers, state }: Context,
): Step => {
  const length = data.length ?? 0
  const source = registers.load(data.sreg, length)
  const constant = (bytes: Uint8Array | undefined): Bits =>
    bytes === undefined ? unknownBits(length) : knownBits(bytes)
  const other = (): Bits =>
    data.sreg2 === undefined ? constant(data.data?.value) : registers.load(data.sreg2, length)
  const result = (): Bits => {
    switch (data.operation ?? 'mask') {
      case 'mask':
        return xor(and(source, constant(data.mask?.value)), constant(data.xor?.value))
      case '&':
        return and(source, other())
      case '|':
        return or(source, other())
      case '^':
        return xor(source, other())
      case '<<':
        return shift(source, amountOf(data.data?.value), 'left')
      case '>>':
        return shift(source, amountOf(data.data?.value), 'right')
      default:
        return unknownBits(length)
    }
  }
  registers.store(data.dreg, result())
  return goOn(state)
}

/** A 32-bit number in the CPU's order. */
const amountOf = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, littleEndian) : undefined

/** The kernel shifts words in the CPU's order, and carries from the last word to the first. */
const shift = (bits: Bits, amount: number | undefined, direction: 'left' | 'right'): Bits => {
  const length = bits.value.length
  if (amount === undefined || amount <= 0 || amount > 31) return amount === 0 ? bits : unknownBits(length)
  const moved = (bytes: Uint8Array, filling: 0 | 1): Uint8Array => {
    const words = Math.ceil(length / 4)
    const view = new DataView(new ArrayBuffer(words * 4))
    new Uint8Array(view.buffer).set(bytes)
    const size = BigInt(words * 32)
    let number = 0n
    for (let i = 0; i < words; i++) number = (number << 32n) | BigInt(view.getUint32(i * 4, littleEndian))
    const by = BigInt(amount)
    const fill = filling === 0 ? 0n : (1n << by) - 1n
    number =
      direction === 'left'
        ? ((number << by) | fill) & ((1n << size) - 1n)
        : (number >> by) | (fill << (size - by))
    for (let i = words - 1; i >= 0; i--) {
      view.setUint32(i * 4, Number(number & 0xffffffffn), littleEndian)
      number >>= 32n
    }
    return new Uint8Array(view.buffer, 0, length)
  }
  const known = moved(bits.known, 1)
  return { value: moved(bits.value, 0).map((byte, i) => byte & (known[i] ?? 0)), known }
}

/** Turns the byte order; which of the two directions makes no difference. net/netfilter/nft_byteorder.c. */
export const evaluateByteorder = (
  data: Infer<typeof byteorderExpression>,
  { registers, state }: Context,
): Step => {
  const { length = 0, size = 1 } = data
  const source = registers.load(data.sreg, length)
  if (size < 1) {
    registers.store(data.dreg, unknownBits(length))
    return goOn(state)
  }
  const turn = (bytes: Uint8Array): Uint8Array => {
    if (!littleEndian) return bytes
    const turned = bytes.slice()
    for (let at = 0; at + size <= turned.length; at += size) turned.subarray(at, at + size).reverse()
    return turned
  }
  registers.store(data.dreg, { value: turn(source.value), known: turn(source.known) })
  return goOn(state)
}

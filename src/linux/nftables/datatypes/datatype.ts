import { EncodeError } from '../../netlink/codec.ts'
import { littleEndian } from '../../netlink/writer.ts'

/**
 * Theory of operation. To the kernel, what stands in registers, set elements and constants is bytes; what they mean is
 * nft's business. A datatype knows the meaning: how bytes become a value a person reads (`192.168.45.3`, `tcp`, 8080,
 * `established`), and back. Values are canonical: two values are equal exactly when their bytes are. nft also numbers
 * its datatypes, and keeps those numbers in the kernel with each set (six bits per field of a concatenation).
 */

/** A value as people write it: an address, a name of a constant, an interface (strings), or a number. */
export type Scalar = string | number | bigint

/** How an integer lies in a register: as in the packet, or as the CPU likes it. */
export type ByteOrder = 'network' | 'host'

export type Datatype = {
  /** nft's name: `ipv4_addr`. */
  readonly name: string
  /** nft's number. */
  readonly id: number
  /** 0: the length comes from elsewhere. */
  readonly bits: number
  readonly order: ByteOrder
  readonly kind: 'integer' | 'string'
  /** Numbers, of which some have names. */
  readonly named: boolean
  /** A value is a sum of flags: nft joins their names and tests whether any of them is set. */
  readonly bitmask: boolean
  /** Throws EncodeError when the value has no meaning in this type. */
  toInteger(value: Scalar): bigint
  /** `bits` is the width of the field, where that is not the type's own. */
  fromInteger(integer: bigint, bits?: number): Scalar
  /** Bytes as they lie in a register. Throws EncodeError. */
  write(value: Scalar, length: number): Uint8Array
  read(bytes: Uint8Array): Scalar
  /** As nft prints it. */
  text(value: Scalar, bits?: number): string
}

/** An unsigned integer as bytes. Throws EncodeError when it does not fit. */
export const integerBytes = (value: bigint, length: number, order: ByteOrder): Uint8Array => {
  if (value < 0n || value >> BigInt(length * 8) !== 0n)
    throw new EncodeError(`${value} does not fit in ${length} bytes`)
  const bytes = new Uint8Array(length)
  const backwards = order === 'network' || !littleEndian
  if (length <= 4) {
    let rest = Number(value)
    for (let i = 0; i < length; i++) {
      bytes[backwards ? length - 1 - i : i] = rest & 255
      rest >>>= 8
    }
    return bytes
  }
  let rest = value
  for (let i = 0; i < length; i++) {
    bytes[backwards ? length - 1 - i : i] = Number(rest & 255n)
    rest >>= 8n
  }
  return bytes
}

/** The inverse of integerBytes. */
export const bytesInteger = (bytes: Uint8Array, order: ByteOrder): bigint => {
  const forwards = order === 'network' || !littleEndian
  let value = 0n
  for (let i = 0; i < bytes.length; i++)
    value = (value << 8n) | BigInt(bytes[forwards ? i : bytes.length - 1 - i] as number)
  return value
}

/** A number where it is exact, else a bigint. */
export const numberOrBigint = (value: bigint): number | bigint =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value

/** Reads a decimal or `0x` number, or undefined. */
export const parseInteger = (text: string): bigint | undefined =>
  /^(0x[0-9a-fA-F]+|0|[1-9][0-9]*)$/.test(text) ? BigInt(text) : undefined

export type IntegerOptions = {
  bits: number
  order?: ByteOrder
  /** Names of values; of two names for one value the first is printed. */
  symbols?: Readonly<Record<string, number>>
  bitmask?: boolean
  /** How a value without a name is printed; decimal by default. */
  number?: (value: bigint, bits: number) => string
  /** Names are printed in double quotes. */
  quoted?: boolean
}

/** A datatype over unsigned integers, with names for some. */
export const integerType = (id: number, name: string, options: IntegerOptions): Datatype => {
  const { bits, order = 'network', symbols = {}, bitmask = false, number = String, quoted = false } = options
  // Built when the first name is looked up: of the many datatypes a run meets a few.
  let names: { byName: Map<string, bigint>; byValue: Map<bigint, string> } | undefined
  const named = () => {
    if (names === undefined) {
      const byName = new Map(Object.entries(symbols).map(([symbol, value]) => [symbol, BigInt(value)]))
      const byValue = new Map<bigint, string>()
      for (const [symbol, value] of byName) if (!byValue.has(value)) byValue.set(value, symbol)
      names = { byName, byValue }
    }
    return names
  }
  const toInteger = (value: Scalar): bigint => {
    if (typeof value === 'bigint') return value
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw new EncodeError(`${value} is no ${name}`)
      return BigInt(value)
    }
    const integer = named().byName.get(value) ?? parseInteger(value) ?? (bitmask ? sum(value) : undefined)
    if (integer === undefined) throw new EncodeError(`${JSON.stringify(value)} is no ${name}`)
    return integer
  }
  const sum = (text: string): bigint | undefined => {
    let total = 0n
    for (const part of text.split(',')) {
      const flag = named().byName.get(part.trim()) ?? parseInteger(part.trim())
      if (flag === undefined) return undefined
      total |= flag
    }
    return total
  }
  const fromInteger = (integer: bigint): Scalar => named().byValue.get(integer) ?? numberOrBigint(integer)
  return {
    name,
    id,
    bits,
    order,
    kind: 'integer',
    named: Object.keys(symbols).length > 0,
    bitmask,
    toInteger,
    fromInteger,
    write: (value, length) => integerBytes(toInteger(value), length, order),
    read: bytes => fromInteger(bytesInteger(bytes, order)),
    text(value, width = bits) {
      if (typeof value === 'string') return quoted ? `"${value}"` : value
      return number(BigInt(value), width)
    },
  }
}

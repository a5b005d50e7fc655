import { type Datatype, numberOrBigint, type Scalar } from '../datatypes/datatype.ts'
import { flagsOf } from '../decompile/match.ts'
import { quoteText } from '../quote.ts'
import type { TextContext } from './context.ts'

/** A value of a datatype as nft prints it. `bits`: the field's width, where it is not the datatype's. */
export const valueText = (context: TextContext, type: Datatype, value: Scalar, bits?: number): string => {
  if (type.name === 'iface_index') {
    const name = context.interfaceNames?.get(Number(value))
    return name === undefined ? type.text(value) : quoteText(name)
  }
  if (type.bitmask && typeof value !== 'string') {
    const flags = flagsOf(type, BigInt(value))
    if (flags.length > 1) return flags.map(flag => type.text(flag, bits)).join(' | ')
  }
  return type.text(value, bits)
}

/** Ends of a range, which nft prints as numbers even where there are names. */
export const rangeText = (
  context: TextContext,
  type: Datatype,
  first: Scalar,
  last: Scalar,
  bits?: number,
): string => {
  const text = (value: Scalar): string => {
    if (type.name === 'time') return `${BigInt(value) / 1000n}s`
    const isNamed = typeof value === 'string' && type.kind === 'integer' && type.named
    return isNamed
      ? type.text(numberOrBigint(type.toInteger(value)), bits)
      : valueText(context, type, value, bits)
  }
  return `${text(first)}-${text(last)}`
}

/** An address with brackets around IPv6, where a port may follow. */
export const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)

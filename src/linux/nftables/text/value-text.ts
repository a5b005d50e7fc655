import type { Datatype, Scalar } from '../datatypes/datatype.ts'
import { flagsOf } from '../decompile/match.ts'
import type { TextContext } from './context.ts'

/** A value of a datatype as nft prints it. `bits`: the field's width, where it is not the datatype's. */
export const valueText = (context: TextContext, type: Datatype, value: Scalar, bits?: number): string => {
  if (type.name === 'iface_index') {
    const name = context.interfaceNames?.get(Number(value))
    return name === undefined ? type.text(value) : `"${name}"`
  }
  if (type.bitmask && typeof value !== 'string') {
    const flags = flagsOf(type, BigInt(value))
    if (flags.length > 1) return flags.map(flag => type.text(flag, bits)).join(' | ')
  }
  return type.text(value, bits)
}

/** An address with brackets around IPv6, where a port may follow. */
export const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)

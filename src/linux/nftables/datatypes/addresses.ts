import { bigIntToIp, formatIp, ipToBigInt, parseIp } from '../../net/ip.ts'
import { formatMac, parseMac } from '../../net/mac.ts'
import { EncodeError } from '../../netlink/codec.ts'
import { bytesInteger, type Datatype, integerBytes, integerType, type Scalar } from './datatype.ts'

/** Datatypes of addresses: strings in our data, integers where ranges are computed. */

const ipType = (id: number, name: string, family: 4 | 6): Datatype => {
  const length = family === 4 ? 4 : 16
  const bytesOf = (value: Scalar): Uint8Array => {
    const bytes = typeof value === 'string' ? parseIp(value) : undefined
    if (bytes?.length !== length) throw new EncodeError(`${JSON.stringify(String(value))} is no ${name}`)
    return bytes
  }
  return {
    ...integerType(id, name, { bits: length * 8 }),
    toInteger(value) {
      const integer = typeof value === 'string' ? ipToBigInt(value) : BigInt(value)
      if (integer === undefined) throw new EncodeError(`${JSON.stringify(value)} is no ${name}`)
      return integer
    },
    fromInteger: integer => bigIntToIp(integer, family) ?? integer,
    write: bytesOf,
    read: bytes => (bytes.length === length ? formatIp(bytes) : bytesInteger(bytes, 'network')),
    text: String,
  }
}

export const ipv4Address = ipType(7, 'ipv4_addr', 4)
export const ipv6Address = ipType(8, 'ipv6_addr', 6)

const hardwareType = (id: number, name: string, bits: number): Datatype => ({
  ...integerType(id, name, { bits }),
  toInteger(value) {
    if (typeof value !== 'string') return BigInt(value)
    const bytes = parseMac(value)
    if (bytes === undefined) throw new EncodeError(`${JSON.stringify(value)} is no ${name}`)
    return bytesInteger(bytes, 'network')
  },
  fromInteger: (integer, width = bits) => formatMac(integerBytes(integer, Math.ceil(width / 8), 'network')),
  write(value, length) {
    return integerBytes(this.toInteger(value), length, 'network')
  },
  read: bytes => formatMac(bytes),
  text: String,
})

export const linkAddress = hardwareType(6, 'll_addr', 0)
export const etherAddress = hardwareType(9, 'ether_addr', 48)

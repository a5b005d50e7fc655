import { EncodeError } from '../../netlink/codec.ts'
import { quoteName } from '../quote.ts'
import { bytesInteger, type Datatype, integerType, type Scalar } from './datatype.ts'

/** Datatypes of texts. In a register a text stands from its first byte, filled up with zeros. */

const encoder = new TextEncoder()
const strict = new TextDecoder('utf-8', { fatal: true })
const latin = new TextDecoder('latin1')

/** Text of bytes up to the first zero. Bytes that are no UTF-8 are shown one by one, as the old one-byte alphabet. */
export const textOfBytes = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0)
  const used = end < 0 ? bytes : bytes.subarray(0, end)
  try {
    return strict.decode(used)
  } catch {
    // Names of interfaces are any bytes; what is not UTF-8 still has to be shown.
    return latin.decode(used)
  }
}

const stringType = (id: number, name: string, bits: number): Datatype => ({
  ...integerType(id, name, { bits, order: 'host' }),
  kind: 'string',
  toInteger(value) {
    return bytesInteger(this.write(value, bits / 8), 'network')
  },
  fromInteger: integer => integer,
  write(value: Scalar, length: number) {
    const used = encoder.encode(String(value))
    if (used.includes(0) || used.length > length || used.length === 0)
      throw new EncodeError(`${JSON.stringify(String(value))} is no ${name} of 1 to ${length} bytes`)
    const bytes = new Uint8Array(length)
    bytes.set(used)
    return bytes
  },
  read: textOfBytes,
  text: value => quoteName(String(value)),
})

export const string = stringType(5, 'string', 0)
/** IFNAMSIZ bytes. */
export const interfaceName = stringType(41, 'ifname', 128)

/** FNV-1a of 64 bits (RFC 9923). */
export const hash = (text: string): bigint => {
  let value = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text))
    value = ((value ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return value
}

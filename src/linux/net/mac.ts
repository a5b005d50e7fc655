/** Ethernet addresses (IEEE 802 MAC-48): six bytes, in our data the text `aa:bb:cc:dd:ee:ff` as ip(8) prints it. */

/** The six bytes of `aa:bb:cc:dd:ee:ff` in either case, or undefined. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return undefined
  return Uint8Array.from(text.split(':'), part => Number.parseInt(part, 16))
}

/** Lower-case text of a hardware address. Any length, as links other than Ethernet have longer ones (IFLA_ADDRESS). */
export function formatMac(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += `${text === '' ? '' : ':'}${digits[byte >> 4]}${digits[byte & 15]}`
  return text
}

const digits = '0123456789abcdef'

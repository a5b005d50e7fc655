/** Two byte strings side by side, four bytes a line, the lines that differ marked with `!`. */

const width = 4

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ')

const printable = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')

/**
 * The difference of two byte strings for a test's message, or undefined when they are equal. Columns: offset,
 * expected, found, and the expected bytes as text. Attributes are aligned to four bytes, so each line is one field.
 */
export function hexDiff(expected: Uint8Array, found: Uint8Array): string | undefined {
  if (Buffer.compare(expected, found) === 0) return undefined
  const lines = [`  offset  expected (${expected.length})  found (${found.length})`]
  for (let at = 0; at < Math.max(expected.length, found.length); at += width) {
    const left = expected.subarray(at, at + width)
    const right = found.subarray(at, at + width)
    const mark = hex(left) === hex(right) ? ' ' : '!'
    lines.push(
      `${mark} ${at.toString(16).padStart(6, '0')}  ${hex(left).padEnd(13)}  ${hex(right).padEnd(13)}  ${printable(left)}`,
    )
  }
  return lines.join('\n')
}

/** Throws with the difference unless both are equal. */
export function expectBytes(found: Uint8Array, expected: Uint8Array, what = 'bytes'): void {
  const difference = hexDiff(expected, found)
  if (difference !== undefined) throw new Error(`${what} differ:\n${difference}`)
}

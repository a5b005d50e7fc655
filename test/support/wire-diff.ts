/** Compares two encodings of one message attribute by attribute, by the schema's own names. */
import type { Codec, Part } from '../../src/linux/netlink/codec.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const typeOf = (bytes: Uint8Array, { at }: Part): number => Buffer.from(bytes).readUInt16LE(at + 2)
const NLA_F_NESTED = 0x8000

/**
 * How `ours` differs from `theirs`, one line for each difference: `PATH: NLA_F_NESTED` and `PATH: NUL` where ours has the
 * flag or the string's end and theirs does not (the kernel and ip(8) leave them out here and there), anything else with
 * both byte strings. Only a message whose differences are all of the first two kinds means the same.
 */
export function wireDifferences(codec: Codec<unknown>, theirs: Uint8Array, ours: Uint8Array): string[] {
  const found: string[] = []
  const visit = (inner: Codec<unknown>, a: Range, b: Range, path: string[]) => {
    const left = [...(inner.parts?.(theirs, a.from, a.to) ?? [])]
    const right = [...(inner.parts?.(ours, b.from, b.to) ?? [])]
    // What comes before the first attribute: a fixed header, or all of a payload that has no parts.
    const before = theirs.subarray(a.from, left[0]?.at ?? a.to)
    const beforeOurs = ours.subarray(b.from, right[0]?.at ?? b.to)
    if (hex(before) !== hex(beforeOurs)) {
      const terminated = `${hex(before)}00` === hex(beforeOurs)
      found.push(`${path.join('.')}: ${terminated ? 'NUL' : `${hex(before)} became ${hex(beforeOurs)}`}`)
    }
    if (left.map(part => part.kernelName).join() !== right.map(part => part.kernelName).join())
      found.push(`${path.join('.')}: ${left.map(p => p.kernelName)} became ${right.map(p => p.kernelName)}`)
    else
      for (const [index, part] of left.entries()) {
        const other = right[index] as Part
        const name = [...path, part.kernelName]
        const flags = typeOf(theirs, part) ^ typeOf(ours, other)
        if (flags === NLA_F_NESTED && typeOf(ours, other) & NLA_F_NESTED)
          found.push(`${name.join('.')}: NLA_F_NESTED`)
        else if (flags !== 0) found.push(`${name.join('.')}: type changed by ${flags.toString(16)}`)
        visit(part.codec, part, other, name)
      }
  }
  visit(codec, { from: 0, to: theirs.length }, { from: 0, to: ours.length }, [])
  return found
}

type Range = { from: number; to: number }

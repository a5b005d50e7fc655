import { DecodeError } from '../netlink/codec.ts'
import { littleEndian } from '../netlink/writer.ts'

/**
 * User data: bytes that the kernel keeps for user space with each object. nft fills them with a list of entries of type
 * (1 byte), length (1 byte) and value, without padding. Other programs may put anything there.
 */
export type UserdataEntry = { type: number; value: Uint8Array }

/** NFTNL_UDATA_* of rules, chains, tables and objects: a comment is always type 0 … */
export const commentType = 0
/** … except with sets. */
export const setUserdata = {
  keyByteOrder: 0,
  dataByteOrder: 1,
  mergeElements: 2,
  keyTypeof: 3,
  dataTypeof: 4,
  expression: 5,
  dataInterval: 6,
  comment: 7,
} as const

/** Type 1 of an element: bit 0 says that the interval reaches to the last value there is. */
export const elementFlagsType = 1

/** The bytes of a list of entries. Throws RangeError for a value of more than 255 bytes. */
export const writeUserdata = (entries: readonly UserdataEntry[]): Uint8Array => {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.value.length, 0))
  let at = 0
  for (const { type, value } of entries) {
    if (value.length > 255) throw new RangeError(`User data of ${value.length} bytes: at most 255 fit`)
    bytes[at] = type
    bytes[at + 1] = value.length
    bytes.set(value, at + 2)
    at += 2 + value.length
  }
  return bytes
}

/** Reads a list of entries. Throws DecodeError when a length does not fit. */
export const readUserdata = (bytes: Uint8Array): UserdataEntry[] => {
  const entries: UserdataEntry[] = []
  let at = 0
  while (at < bytes.length) {
    const end = at + 2 + (bytes[at + 1] ?? 0)
    if (at + 2 > bytes.length || end > bytes.length)
      throw new DecodeError(`user data: an entry at ${at} does not fit in ${bytes.length} bytes`)
    entries.push({ type: bytes[at] as number, value: bytes.slice(at + 2, end) })
    at = end
  }
  return entries
}

/** As readUserdata; bytes of another program, which are no such list, give no entries. */
export const foreignUserdata = (bytes: Uint8Array | undefined): UserdataEntry[] => {
  if (bytes === undefined) return []
  try {
    return readUserdata(bytes)
  } catch (error) {
    // What another program keeps here is its own affair: it has no comment for us.
    if (error instanceof DecodeError) return []
    throw error
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** An entry with a text and its terminating zero. */
export const textEntry = (type: number, text: string): UserdataEntry => ({
  type,
  value: encoder.encode(`${text}\0`),
})

/** An entry with a 32-bit number in the machine's byte order. */
export const numberEntry = (type: number, value: number): UserdataEntry => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, littleEndian)
  return { type, value: bytes }
}

/** The text of an entry, or undefined when there is no such entry. */
export const entryText = (entries: readonly UserdataEntry[], type: number): string | undefined => {
  const value = entries.find(entry => entry.type === type)?.value
  if (value === undefined) return undefined
  const end = value.indexOf(0)
  return decoder.decode(end < 0 ? value : value.subarray(0, end))
}

/** The number of an entry, or undefined when there is no such entry of four bytes. */
export const entryNumber = (entries: readonly UserdataEntry[], type: number): number | undefined => {
  const value = entries.find(entry => entry.type === type)?.value
  return value?.length === 4
    ? new DataView(value.buffer, value.byteOffset, 4).getUint32(0, littleEndian)
    : undefined
}

/** The comment that nft keeps with a rule, chain, table, object or element. */
export const commentOf = (bytes: Uint8Array | undefined): string | undefined =>
  entryText(foreignUserdata(bytes), commentType)

/** User data with a comment alone. */
export const commentUserdata = (comment: string): Uint8Array =>
  writeUserdata([textEntry(commentType, comment)])

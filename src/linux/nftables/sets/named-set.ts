import { registersFor } from '../compile/program.ts'
import type { Datatype } from '../datatypes/datatype.ts'
import { datatype, typeNumber } from '../datatypes/index.ts'
import { type SetMessage, setFlags } from '../messages/set.ts'
import { byteLength } from '../syntax/operand-type.ts'
import { numberEntry, setUserdata, textEntry, type UserdataEntry, writeUserdata } from '../userdata.ts'

/** A set or map by its form, as plain data. */
export type NamedSet = {
  name: string
  /** nft's datatypes of the key, one per field: `['ifname', 'ipv4_addr']`. */
  key: string[]
  /** Of a map: the datatypes of its values, or `['verdict']`. */
  data?: string[]
  flags?: { interval?: boolean; timeout?: boolean; dynamic?: boolean; constant?: boolean }
  /** nft joins adjacent intervals that it adds itself; the kernel knows nothing of it. */
  autoMerge?: boolean
  /** Milliseconds after which elements go. */
  timeout?: number
  /** At most so many elements. */
  size?: number
  policy?: 'memory'
  /** Every element counts packets and bytes. */
  counter?: true
  comment?: string
}

/** A named set or map. Throws RangeError for an unknown datatype. Equivalent to: `nft add set … { type KEY; }` */
export const namedSet = (set: NamedSet): NamedSet => {
  for (const name of [...set.key, ...(set.data ?? [])]) datatype(name)
  return set
}

/** Datatypes of a key or value, and the bytes each field takes in the kernel. */
export type Field = { type: Datatype; bytes: number }

/** The fields of a key. Throws RangeError for an unknown datatype, or one without a length. */
export const keyFields = (set: NamedSet): Field[] => set.key.map(fieldNamed)

/** The fields of a map's values, empty for a verdict map. */
export const dataFields = (set: NamedSet): Field[] =>
  set.data === undefined || isVerdictMap(set) ? [] : set.data.map(fieldNamed)

/** Whether a map holds verdicts. */
export const isVerdictMap = (set: NamedSet): boolean => set.data?.[0] === 'verdict'

const fieldNamed = (name: string): Field => {
  const type = datatype(name)
  if (type.bits === 0) throw new RangeError(`A set cannot hold ${name}: its length is not known`)
  return { type, bytes: byteLength(type.bits) }
}

/** Bytes of a key: the fields of a concatenation are filled up to registers. */
export const fieldsLength = (fields: readonly Field[]): number =>
  fields.length === 1 && fields[0]
    ? fields[0].bytes
    : fields.reduce((sum, field) => sum + 4 * registersFor(field.bytes), 0)

/** nft's numbers for byte orders; a concatenation has none of its own. */
const byteOrderOf = (fields: readonly Field[]): number =>
  fields.length !== 1 ? 0 : fields[0]?.type.order === 'host' ? 1 : 2

/** EXPR_CONCAT of nft with nothing in it: that is how nft 1.0 marks concatenations that were declared by `type`. */
const emptyTypeof = (type: number): UserdataEntry => ({
  type,
  value: writeUserdata([numberEntry(0, 13), { type: 1, value: new Uint8Array() }]),
})

const NFT_DATA_VERDICT = 0xffffff00

/** Attributes of NFT_MSG_NEWSET, the same as nft's for the same set. `id` is any number unique in the batch. */
export const setAttributes = (table: string, set: NamedSet, id: number): SetMessage['attributes'] => {
  const key = keyFields(set)
  const data = dataFields(set)
  const concat = key.length > 1
  const { interval, timeout, dynamic, constant } = set.flags ?? {}
  const flags =
    (constant ? setFlags.constant : 0) |
    (interval ? setFlags.interval : 0) |
    (set.data ? setFlags.map : 0) |
    (timeout || set.timeout !== undefined ? setFlags.timeout : 0) |
    (dynamic ? setFlags.dynamic : 0) |
    (interval && concat ? setFlags.concat : 0)
  const description = {
    ...(set.size === undefined ? {} : { size: set.size }),
    ...(interval && concat ? { fields: key.map(field => ({ length: field.bytes })) } : {}),
  }
  return {
    table,
    name: set.name,
    flags,
    keyType: typeNumber(key.map(field => field.type)),
    keyLength: fieldsLength(key),
    ...(isVerdictMap(set)
      ? { dataType: NFT_DATA_VERDICT, dataLength: 0 }
      : set.data
        ? { dataType: typeNumber(data.map(field => field.type)), dataLength: fieldsLength(data) }
        : {}),
    id,
    ...(set.policy === 'memory' ? { policy: 1 } : {}),
    ...(set.counter ? { expression: { name: 'counter', data: { bytes: 0n, packets: 0n } } as const } : {}),
    ...(Object.keys(description).length > 0 ? { description } : {}),
    ...(set.timeout === undefined ? {} : { timeout: BigInt(set.timeout) }),
    userdata: writeUserdata([
      numberEntry(setUserdata.keyByteOrder, byteOrderOf(key)),
      ...(set.data ? [numberEntry(setUserdata.dataByteOrder, byteOrderOf(data))] : []),
      ...(set.autoMerge ? [numberEntry(setUserdata.mergeElements, 1)] : []),
      ...(concat ? [emptyTypeof(setUserdata.keyTypeof)] : []),
      ...(data.length > 1 ? [emptyTypeof(setUserdata.dataTypeof)] : []),
      ...(set.data ? [numberEntry(setUserdata.dataInterval, 0)] : []),
      ...(set.comment === undefined ? [] : [textEntry(setUserdata.comment, set.comment)]),
    ]),
  }
}

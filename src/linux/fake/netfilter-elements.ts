import { bytesInteger } from '../nftables/datatypes/datatype.ts'
import { type ElementAttributes, elementFlags } from '../nftables/messages/element.ts'
import { setFlags } from '../nftables/messages/set.ts'
import { refusal } from './errors.ts'
import type { FakeSet } from './netfilter-state.ts'

/**
 * The elements of a set. Theory of operation: an entry is one element, or for intervals of one field its beginning and
 * its end; it is a box, with first and last value of each field. In a set without intervals two boxes are the same or
 * have nothing in common; in one with intervals they must not overlap.
 */
type Entry = {
  key: string
  box: { first: bigint; last: bigint }[]
  /** The one with the data. */
  element: ElementAttributes
  parts: ElementAttributes[]
}

const hasFlag = (element: ElementAttributes, flag: number): boolean => ((element.flags ?? 0) & flag) !== 0

const isInterval = ({ message }: FakeSet): boolean =>
  ((message.attributes.flags ?? 0) & setFlags.interval) !== 0

/** Adds elements; those that are there already with the same value are no error unless `exclusive`. Throws NetlinkError EEXIST, EINVAL. */
export const addElements = (
  set: FakeSet,
  elements: readonly ElementAttributes[],
  exclusive: boolean,
): void => {
  const operation = 'NFT_MSG_NEWSETELEM'
  const isMap = ((set.message.attributes.flags ?? 0) & setFlags.map) !== 0
  const present = isInterval(set) ? entriesOf(set, [...set.entries.values()].flat()) : []
  for (const entry of entriesOf(set, elements)) {
    if ((entry.element.data !== undefined) !== isMap) throw refusal(operation, 'EINVAL')
    const same = set.entries.get(entry.key)
    if (same !== undefined) {
      if (exclusive || !isSameData(same[0], entry.element)) throw refusal(operation, 'EEXIST')
      continue
    }
    if (present.some(other => overlap(entry, other))) throw refusal(operation, 'EEXIST')
    set.entries.set(entry.key, entry.parts)
    if (isInterval(set)) present.push(entry)
  }
}

/** Throws NetlinkError ENOENT, EINVAL. */
export const deleteElements = (set: FakeSet, elements: readonly ElementAttributes[]): void => {
  for (const { key } of entriesOf(set, elements))
    if (!set.entries.delete(key)) throw refusal('NFT_MSG_DELSETELEM', 'ENOENT')
}

const overlap = ({ box: one }: Entry, { box: other }: Entry): boolean =>
  one.length > 0 &&
  one.length === other.length &&
  one.every(({ first, last }, i) => {
    const field = other[i]
    return field !== undefined && first <= field.last && field.first <= last
  })

const isSameData = (one: ElementAttributes | undefined, other: ElementAttributes): boolean =>
  hexOf(one?.data?.value) === hexOf(other.data?.value) &&
  one?.data?.verdict?.code === other.data?.verdict?.code &&
  one?.data?.verdict?.chain === other.data?.verdict?.chain

const hexOf = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '' : Buffer.from(bytes).toString('hex')

const entriesOf = (set: FakeSet, elements: readonly ElementAttributes[]): Entry[] => {
  const fields = set.message.attributes.description?.fields
  const catchAll = elements
    .filter(element => hasFlag(element, elementFlags.catchAll))
    .map(element => ({ key: '*', box: [], element, parts: [element] }))
  const others = elements.filter(element => !hasFlag(element, elementFlags.catchAll))
  for (const { key } of others)
    if (key?.value?.length !== set.message.attributes.keyLength) throw refusal('NFT_MSG_NEWSETELEM', 'EINVAL')
  if (isInterval(set) && fields === undefined) return [...catchAll, ...intervalsOf(set, others)]
  return [
    ...catchAll,
    ...others.map(element => {
      const first = element.key?.value ?? new Uint8Array()
      const last = element.keyEnd?.value ?? first
      return {
        key: `${hexOf(first)}-${hexOf(last)}`,
        box: (fields === undefined ? [] : fields).map((field, i) => {
          const at = (fields ?? []).slice(0, i).reduce((sum, { length = 0 }) => sum + ((length + 3) & ~3), 0)
          const part = (bytes: Uint8Array) =>
            bytesInteger(bytes.subarray(at, at + (field.length ?? 0)), 'network')
          return { first: part(first), last: part(last) }
        }),
        element,
        parts: [element],
      }
    }),
  ]
}

/** Borders to intervals: each beginning goes up to the next border, or to the last value there is. */
const intervalsOf = (set: FakeSet, elements: readonly ElementAttributes[]): Entry[] => {
  const limit = 1n << BigInt((set.message.attributes.keyLength ?? 0) * 8)
  const borders = elements
    .map(element => ({
      element,
      value: bytesInteger(element.key?.value ?? new Uint8Array(), 'network'),
      end: hasFlag(element, elementFlags.intervalEnd),
    }))
    .sort((one, other) =>
      one.value === other.value ? Number(other.end) - Number(one.end) : one.value < other.value ? -1 : 1,
    )
  return borders.flatMap(({ element, value, end }, i) => {
    if (end) return []
    const next = borders[i + 1]
    const last = (next?.value ?? limit) - 1n
    return [
      {
        key: `${value}-${last}`,
        box: [{ first: value, last }],
        element,
        parts: next?.end ? [element, next.element] : [element],
      },
    ]
  })
}

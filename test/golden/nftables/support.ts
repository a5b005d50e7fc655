import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Codec } from '../../../src/linux/netlink/codec.ts'
import { chainMessage } from '../../../src/linux/nftables/messages/chain.ts'
import { elementsMessage } from '../../../src/linux/nftables/messages/element.ts'
import { flowtableMessage } from '../../../src/linux/nftables/messages/flowtable.ts'
import { batchMessage, generationMessage } from '../../../src/linux/nftables/messages/generation.ts'
import { objectMessage } from '../../../src/linux/nftables/messages/object.ts'
import { ruleMessage } from '../../../src/linux/nftables/messages/rule.ts'
import { setMessage } from '../../../src/linux/nftables/messages/set.ts'
import { tableMessage } from '../../../src/linux/nftables/messages/table.ts'

/** Fixtures of recorded messages (see scripts/record-golden.mjs), and their values as JSON. */

export type GoldenMessage = { type: number; flags: number; payload: string }
export type GoldenCase = {
  name: string
  command: string
  setup?: string[]
  stdin?: string
  messages: GoldenMessage[]
  values?: unknown[]
}
export type Golden = { tools: string[]; kernel: string; cases: GoldenCase[] }

const pathOf = (name: string): string => join(import.meta.dirname, `${name}.golden.json`)

export const loadGolden = (name: string): Golden => JSON.parse(readFileSync(pathOf(name), 'utf8')) as Golden

/** Writes the values into the fixture, for review: only with UPDATE_GOLDEN=1. */
export const saveGolden = (name: string, golden: Golden): void =>
  writeFileSync(
    pathOf(name),
    `${JSON.stringify({ ...JSON.parse(readFileSync(pathOf(name), 'utf8')), ...golden }, null, 2)}\n`,
  )

export const bytesOf = (payload: string): Uint8Array =>
  new Uint8Array(Buffer.from(payload.replaceAll(' ', ''), 'hex'))

/** Hexadecimal, four bytes a word, as in the fixtures. */
export const words = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{8})(?=.)/g, '$1 ')

const objectSchemas: readonly (readonly [number, Codec<unknown>])[] = [
  [0, tableMessage],
  [3, chainMessage],
  [6, ruleMessage],
  [9, setMessage],
  [12, elementsMessage],
  [15, generationMessage],
  [18, objectMessage],
  [22, flowtableMessage],
]

/** The schema of a message type: each kind of object has three types, NEW, GET and DEL, one behind the other. */
export const schemaOf = (type: number): Codec<unknown> => {
  if (type === 16 || type === 17) return batchMessage as Codec<unknown>
  const number = type & 0xff
  const found = objectSchemas.findLast(([first]) => first <= number)
  if (type >> 8 !== 10 || found === undefined) throw new Error(`No schema for message type ${type}`)
  return found[1]
}

/** A value as JSON: bytes as `hex:…`, 64-bit numbers as `…n`. */
export const toJson = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, item: unknown) => {
      if (typeof item === 'bigint') return `${item}n`
      if (item instanceof Uint8Array) return `hex:${Buffer.from(item).toString('hex')}`
      return item
    }),
  )

/** The inverse of toJson. */
export const fromJson = (json: unknown): unknown =>
  JSON.parse(JSON.stringify(json), (_, item: unknown) => {
    if (typeof item !== 'string') return item
    if (item.startsWith('hex:')) return new Uint8Array(Buffer.from(item.slice(4), 'hex'))
    return /^\d+n$/.test(item) ? BigInt(item.slice(0, -1)) : item
  })

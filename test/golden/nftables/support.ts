import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Codec } from '../../../src/linux/netlink/codec.ts'
import { familyName } from '../../../src/linux/nftables/family.ts'
import { chainMessage } from '../../../src/linux/nftables/messages/chain.ts'
import { type ElementAttributes, elementsMessage } from '../../../src/linux/nftables/messages/element.ts'
import { flowtableMessage } from '../../../src/linux/nftables/messages/flowtable.ts'
import { batchMessage, generationMessage } from '../../../src/linux/nftables/messages/generation.ts'
import { objectMessage } from '../../../src/linux/nftables/messages/object.ts'
import { ruleMessage } from '../../../src/linux/nftables/messages/rule.ts'
import { setMessage } from '../../../src/linux/nftables/messages/set.ts'
import { tableMessage } from '../../../src/linux/nftables/messages/table.ts'
import { toChain, toObject, toRule, toSet, toTable } from '../../../src/linux/nftables/read/decode.ts'
import type { Ruleset, SetState, Table } from '../../../src/linux/nftables/read/model.ts'
import { decodeElements } from '../../../src/linux/nftables/sets/decode-elements.ts'

/** Fixtures of recorded messages (see scripts/record-golden.mjs), and their values as JSON. */

export type GoldenMessage = { type: number; flags: number; payload: string }
export type GoldenCase = {
  name: string
  command: string
  setup?: string[]
  stdin?: string
  /** What `nft list ruleset` printed afterwards. */
  after?: string
  /** The first line of nft's error, when the kernel refused the command. */
  refused?: string
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

type Decoded<M> = M extends Codec<infer V> ? V : never

/** The ruleset that messages of the kinds NEW… describe, whether nft sent them or the kernel. */
export const rulesetOf = (messages: readonly GoldenMessage[]): Ruleset => {
  const tables: Table[] = []
  const all = <C extends Codec<unknown>>(first: number, codec: C): Decoded<C>[] =>
    messages
      .filter(({ type }) => type === 0xa00 + first)
      .map(({ payload }) => codec.decode(bytesOf(payload), 0, bytesOf(payload).length) as Decoded<C>)
  const tableOf = ({ header }: { header: { family: number } }, name: string | undefined): Table => {
    const family = familyName(header.family) ?? 'inet'
    const found = tables.find(table => table.family === family && table.name === name)
    if (found !== undefined) return found
    const made: Table = {
      family,
      name: name ?? '',
      handle: 0n,
      flags: [],
      sets: [],
      objects: [],
      flowtables: [],
      chains: [],
    }
    tables.push(made)
    return made
  }
  for (const item of all(0, tableMessage)) tables.push(toTable(item) as Table)
  for (const item of all(3, chainMessage)) tableOf(item, item.attributes.table).chains.push(toChain(item))
  for (const item of all(9, setMessage)) tableOf(item, item.attributes.table).sets.push(toSet(item))
  for (const item of all(18, objectMessage)) tableOf(item, item.attributes.table).objects.push(toObject(item))
  const raw = new Map<SetState, ElementAttributes[]>()
  for (const item of all(12, elementsMessage)) {
    const set = tableOf(item, item.attributes.table).sets.find(({ name }) => name === item.attributes.set)
    if (set) raw.set(set, [...(raw.get(set) ?? []), ...(item.attributes.elements ?? [])])
  }
  for (const [set, elements] of raw) set.elements = decodeElements(set, elements)
  for (const item of all(6, ruleMessage)) {
    const table = tableOf(item, item.attributes.table)
    const name = item.attributes.chain ?? ''
    let chain = table.chains.find(candidate => candidate.name === name)
    if (chain === undefined) {
      chain = { name, handle: 0n, rules: [] }
      table.chains.push(chain)
    }
    chain.rules.push(toRule(item))
  }
  return { generation: 0, tables }
}

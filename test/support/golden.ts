/** Golden files: bytes that the field's own tools and the kernel exchanged, and what they must mean to us. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One message of an exchange. */
export type GoldenMessage = {
  /** From the program to the kernel, or from the kernel to the program. */
  from: 'program' | 'kernel'
  /** RTM_NEWLINK, NLMSG_ERROR, … */
  type: string
  /** The whole message, its header included. */
  hex: string
  /** What the message's payload decodes to, in the form of `toJson`. */
  value: unknown
  /** What it means above the wire, where there is a function for that (toLink, toRoute, …). */
  read?: unknown
  /** Differences between the bytes and what we write for the same value, in the form of `wireDifferences`. */
  differs?: string[]
}

/** One file: a command, and everything that it and the kernel said to each other. */
export type Golden = {
  name: string
  command: string
  tool: string
  kernel: string
  messages: GoldenMessage[]
}

/** All golden files of a folder below test/golden. Throws when there are none. */
export function goldenFiles(folder: string): Golden[] {
  const path = join(import.meta.dirname, '../golden', folder)
  const files = readdirSync(path).filter(file => file.endsWith('.json'))
  if (files.length === 0) throw new Error(`test/golden/${folder} holds no golden files`)
  return files.sort().map(file => ({
    name: file.replace(/\.json$/, ''),
    ...JSON.parse(readFileSync(join(path, file), 'utf8')),
  }))
}

/** The bytes of a hexadecimal string. */
export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

/** A value as JSON can hold it: bytes as `{ "hex": … }`, 64-bit integers as text with a final `n`. */
export const toJson = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') }
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, toJson(item)]),
  )
}

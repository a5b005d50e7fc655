/** Reading JSON of others field by field: what is not as it must be is refused with the place and the value. */

import { quote } from '../space/spec/quote.ts'
import { CniError, cniCode } from './error.ts'

/** A value of the wrong kind or out of bounds: CniError 7. */
export const badField = (place: string, value: unknown, why: string): CniError =>
  new CniError(cniCode.configuration, `cannot use ${place} ${shown(value)}`, why)

/** A key or value that is right, and that natspace does not do: CniError 2, which names both. */
export const unsupported = (place: string, value: unknown, why: string): CniError =>
  new CniError(cniCode.unsupportedField, `${place} ${shown(value)} is not supported`, why)

const shown = (value: unknown): string =>
  quote(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'))

/**
 * One object of a configuration, and where it stands in it. A key may be written in capitals as well: containerd sends
 * `HostPort` for `hostPort`, as to a program written in Go both are the same.
 */
export class Fields {
  readonly place: string
  readonly #values: ReadonlyMap<string, unknown>
  /** How a key is written here, by its letters in lower case. */
  readonly #spellings: ReadonlyMap<string, string>

  /** Throws CniError 7 for what is no object. */
  constructor(value: unknown, place: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw badField(place, value, 'it must be an object')
    this.place = place
    this.#values = new Map(Object.entries(value))
    this.#spellings = new Map(Object.keys(value).map(key => [key.toLowerCase(), key]))
  }

  at(key: string): string {
    return this.place === '' ? key : `${this.place}.${key}`
  }

  /** Null is as good as missing: runtimes written in Go send it for empty lists. */
  get(key: string): unknown {
    const spelling = this.#values.has(key) ? key : this.#spellings.get(key.toLowerCase())
    return (spelling === undefined ? undefined : this.#values.get(spelling)) ?? undefined
  }

  /** All keys, as they are written. */
  keys(): string[] {
    return [...this.#values.keys()]
  }

  /** Refuses keys that are not in the list; those with a dot or a slash belong to whoever made them. */
  allow(...known: readonly string[]): void {
    const letters = new Set(known.map(key => key.toLowerCase()))
    for (const [key, value] of this.#values) {
      if (/[./]/.test(key)) continue
      if (!letters.has(key.toLowerCase()))
        throw unsupported(this.at(key), value, 'natspace does not know this key')
      if (this.#spellings.get(key.toLowerCase()) !== key)
        throw badField(this.at(key), value, 'it is written twice, in capitals and without')
    }
  }

  text(key: string): string | undefined {
    const value = this.get(key)
    if (value === undefined || (typeof value === 'string' && value.length <= longestText)) return value
    throw badField(this.at(key), value, `it must be a text of at most ${longestText} characters`)
  }

  flag(key: string): boolean | undefined {
    const value = this.get(key)
    if (value === undefined || typeof value === 'boolean') return value
    throw badField(this.at(key), value, 'it must be true or false')
  }

  /** A whole number of `least` to `most`. */
  number(key: string, least: number, most: number): number | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    throw badField(this.at(key), value, `it must be a whole number from ${least} to ${most}`)
  }

  object(key: string): Fields | undefined {
    const value = this.get(key)
    return value === undefined ? undefined : new Fields(value, this.at(key))
  }

  list(key: string, most = longestList): readonly unknown[] {
    const value = this.get(key)
    if (value === undefined) return []
    if (Array.isArray(value) && value.length <= most) return value
    throw badField(this.at(key), value, `it must be a list of at most ${most} entries`)
  }

  objects(key: string): Fields[] {
    return this.objectsOf(this.list(key), key)
  }

  /** The entries of a list below `key` as objects. */
  objectsOf(values: readonly unknown[], key: string): Fields[] {
    return values.map((value, index) => new Fields(value, `${this.at(key)}[${index}]`))
  }

  /** Other values at the same place. */
  with(values: Readonly<Record<string, unknown>>): Fields {
    return new Fields(values, this.place)
  }

  texts(key: string): string[] {
    return this.list(key).map((value, index) => {
      if (typeof value === 'string' && value.length <= longestText) return value
      throw badField(`${this.at(key)}[${index}]`, value, 'it must be a text')
    })
  }
}

const longestText = 4096
const longestList = 10_000

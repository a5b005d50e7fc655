import { canonicalIp } from '../../linux/net/ip.ts'

/**
 * Theory of operation. What comes from a file may be anything, and parts of it are printed. So each value is checked against
 * a shape that is written down once for its type; the compiler holds the two together, as a shape has to name every field of
 * the type. What a shape does not know is refused, and so is what is longer than anything that natspace writes.
 */

/** A value is not of the shape that its place asks for. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError'
  /** Where in the value: `observation.host[3].hooks[0].hook`. */
  readonly field: string
  readonly reason: string

  constructor(field: string, reason: string) {
    super(`${field}: ${reason}`)
    this.field = field
    this.reason = reason
  }
}

/** Returns the value as a T, or throws ShapeError. `at` is its place. */
export type Check<T> = (value: unknown, at: string) => T

const longestText = 64 * 1024
const longestList = 1_000_000

const refuse = (at: string, reason: string): never => {
  throw new ShapeError(at, reason)
}

/** Any text; whoever prints it makes it printable. */
export const text: Check<string> = (value, at) => {
  if (typeof value !== 'string') return refuse(at, 'it is no text')
  return value.length <= longestText ? value : refuse(at, 'it is too long')
}

export const flag: Check<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : refuse(at, 'it is neither true nor false')

/** One value, for types that are told apart by it. */
export const exactly =
  <const T extends boolean>(wanted: T): Check<T> =>
  (value, at) =>
    value === wanted ? wanted : refuse(at, `it is not ${wanted}`)

export const nothing: Check<null> = (value, at) => (value === null ? null : refuse(at, 'it is not null'))

export const number: Check<number> = (value, at) =>
  typeof value === 'number' && Number.isFinite(value) ? value : refuse(at, 'it is no number')

/** A number of up to 64 bits, which JSON keeps as text. */
export const large: Check<bigint> = (value, at) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  return typeof value === 'string' && /^\d{1,20}$/.test(value) ? BigInt(value) : refuse(at, 'it is no number')
}

/** An address in canonical form; nothing where the kernel gave none. */
export const address: Check<string> = (value, at) => {
  const known = text(value, at)
  return known === '' || canonicalIp(known) === known ? known : refuse(at, 'it is no address')
}

/** One of a few words or numbers. */
export const oneOf =
  <const T extends string | number>(values: readonly T[]): Check<T> =>
  (value, at) =>
    values.find(item => item === value) ?? refuse(at, 'it is none of the values that it may be')

/** One of the names of a table. */
export const keyOf = <T extends string>(table: Readonly<Record<T, unknown>>): Check<T> =>
  oneOf(Object.keys(table) as T[])

export const list =
  <T>(check: Check<T>): Check<T[]> =>
  (value, at) => {
    if (!Array.isArray(value)) return refuse(at, 'it is no list')
    if (value.length > longestList) return refuse(at, 'it is too long')
    return value.map((item, index) => check(item, `${at}[${index}]`))
  }

/** Either of two; the second one's objection counts. */
export const either =
  <A, B>(one: Check<A>, other: Check<B>): Check<A | B> =>
  (value, at) => {
    try {
      return one(value, at)
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error
      return other(value, at)
    }
  }

/** Texts by texts. */
export const texts: Check<Record<string, string>> = (value, at) =>
  Object.fromEntries(
    Object.entries(plainObject(value, at)).map(([key, item]) => [text(key, at), text(item, `${at}.${key}`)]),
  )

/** Marks a field that may be missing. The check itself is only asked when there is a value. */
export const maybe = <T>(check: Check<T>): Check<T> => {
  const marked: Check<T> = (value, at) => check(value, at)
  optional.add(marked as Check<unknown>)
  return marked
}

const optional = new WeakSet<Check<unknown>>()

/** A check for each field of a type. */
export type Shape<T> = { readonly [K in keyof T]-?: Check<T[K]> }

/** An object with just these fields. */
export const object =
  <T extends object>(shape: Shape<T>): Check<T> =>
  (value, at) => {
    const given = plainObject(value, at)
    const checks: Readonly<Record<string, Check<unknown>>> = shape
    const made: Record<string, unknown> = {}
    // In the order in which they were written, so that they are printed as they were.
    for (const key of Object.keys(given)) {
      const check = Object.hasOwn(checks, key) ? checks[key] : undefined
      if (check === undefined) return refuse(`${at}.${key}`, 'there is no such field')
      made[key] = check(given[key], `${at}.${key}`)
    }
    for (const [key, check] of Object.entries(checks))
      if (!Object.hasOwn(made, key) && !optional.has(check)) return refuse(`${at}.${key}`, 'it is missing')
    return made as T
  }

const plainObject = (value: unknown, at: string): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : refuse(at, 'it is no object')

/** One of several objects, told apart by a field; each check asks for all fields of its own. */
export const tagged =
  <T extends object>(tag: keyof T & string, checks: ReadonlyMap<unknown, Check<T>>): Check<T> =>
  (value, at) => {
    const check = checks.get(plainObject(value, at)[tag])
    return check === undefined
      ? refuse(`${at}.${tag}`, 'it is none of the values that it may be')
      : check(value, at)
  }

/**
 * What a raw spec looks like before its values are read: its keys and their types, by the schema of the file. For a file, and
 * for whoever calls the library without a compiler that would tell. Loads valibot: import it where such a spec is read.
 */

import * as v from 'valibot'
import type { NatspaceError } from '../errors.ts'
import { badValue, type Site } from './fault.ts'
import { SPACE_KEYS, spaceSchema } from './schema.ts'
import { suggest } from './suggest.ts'
import type { RawSpec } from './types.ts'

type Path = readonly (string | number)[]

/** Where a value, or its key, stands in a file; undefined where there is none. */
export type PlaceOf = (path: Path, ofKey?: boolean) => string | undefined

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Types and keys only: for a value of the right type and wrong content, validate.ts has the better message. `base`: the path of
 * the spec itself. Throws NatspaceError UNKNOWN_KEY, BAD_TYPE.
 */
export function checkShape(
  value: unknown,
  base: Path,
  placeOf: PlaceOf,
  known: readonly string[] = SPACE_KEYS,
): RawSpec {
  if (!isRecord(value)) throw badType(base, 'Object', value, placeOf) // valibot takes a list for an object
  const result = v.safeParse(spaceSchema, value)
  if (result.success) return result.output
  for (const issue of result.issues) {
    if (issue.kind !== 'schema') continue
    const path = (issue.path ?? []).map(item => item.key as string | number)
    if (issue.expected === 'never') throw unknownKey([...base, ...path], known, placeOf)
    throw badType([...base, ...path], issue.expected ?? '', issue.input, placeOf)
  }
  return value as RawSpec
}

const siteAt = (field: string, place: string | undefined): Site =>
  place === undefined ? { field } : { field, place }

export function unknownKey(path: Path, known: readonly string[], placeOf: PlaceOf): NatspaceError {
  const key = String(path.at(-1))
  const near = suggest(key, known)
  return badValue({
    code: 'UNKNOWN_KEY',
    site: siteAt('key', placeOf(path, true)),
    value: key,
    why:
      near === undefined
        ? `the keys here are ${known.join(', ')}`
        : `there is no such key; did you mean ${near}?`,
    fix: [near === undefined ? 'remove it, or move it to where it belongs' : `write ${near}`],
  })
}

const EXPECTED: Record<string, string> = {
  Array: 'a list, such as ["8080:80"]',
  Object: 'keys and values',
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  '(string | number)': 'text or a number',
}

/** The error for a value of another type than `expected`, a word of valibot. */
export function badType(path: Path, expected: string, input: unknown, placeOf: PlaceOf): NatspaceError {
  const wanted = EXPECTED[expected] ?? expected
  const field = String(path.findLast(step => typeof step === 'string'))
  const isMissing = input === null || input === undefined
  return badValue({
    code: 'BAD_TYPE',
    site: siteAt(field, placeOf(path)),
    value: isMissing ? '' : isScalar(input) ? String(input) : Array.isArray(input) ? '[...]' : '{...}',
    why: isMissing ? 'it has no value' : `it must be ${wanted}`,
    fix: [isMissing ? `give ${wanted}, or remove the line` : `write ${wanted}`],
  })
}

const isScalar = (value: unknown): boolean => typeof value !== 'object'

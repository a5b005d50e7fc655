/**
 * The spec file. YAML 1.2, of which JSON is a part; every error tells file, line and column of the value at fault.
 *
 * Theory of operation. The text is parsed into a document, which knows positions, and from that into plain values,
 * which do not. Shapes are checked against the schema, values by validate.ts, as for the command line; either names
 * the value at fault by its path, and only then is the path looked up in the document.
 */

import * as v from 'valibot'
import { NatspaceError } from '../errors.ts'
import { badValue, type Site, type SiteOf } from './fault.ts'
import { badFile, type Path, parseSource, type Source } from './file-source.ts'
import { findPublishClash } from './publish-clash.ts'
import { printable } from './quote.ts'
import { SPACE_KEYS, spaceSchema } from './schema.ts'
import { suggest } from './suggest.ts'
import type { RawSpec, SpaceSpec } from './types.ts'
import { duplicatePort, parseName, validateSpec } from './validate.ts'

/** Faults told in one go; the search ends with the next. */
const TOLD = 10

/**
 * All spaces of a file, in its order (but names that are whole numbers come first, as keys of objects do). Throws NatspaceError (exit 2) with the place of the first fault and, as evidence,
 * the faults of other spaces: BAD_FILE, UNKNOWN_KEY, BAD_TYPE, DUPLICATE_NAME, DUPLICATE_PORT and those of
 * validateSpec. `fileName` is only shown.
 */
export async function parseSpecFile(text: string, fileName: string): Promise<SpaceSpec[]> {
  const source = await parseSource(text, printable(fileName))
  const entries = Object.entries(spacesOf(source))
  const specs: SpaceSpec[] = []
  const faults: NatspaceError[] = []
  for (const [name, value] of entries) {
    if (faults.length > TOLD) break
    try {
      specs.push(parseSpace(name, value, source))
    } catch (error) {
      if (!(error instanceof NatspaceError)) throw error
      faults.push(error)
    }
  }
  const [first, ...others] = faults
  if (first !== undefined) throw withOthers(first, others)
  refuseClash(specs, source)
  return specs
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function spacesOf(source: Source): Record<string, unknown> {
  const root = source.values
  if (!isRecord(root)) throw badFile(source.place([]), 'it has no key spaces')
  for (const key of Object.keys(root)) {
    if (key !== 'spaces' && key !== '$schema') throw unknownKey([key], ['spaces'], source)
  }
  if (root.spaces === undefined) throw badFile(source.place([]), 'it has no key spaces')
  if (!isRecord(root.spaces)) throw badFile(source.place(['spaces']), 'spaces must map names to spaces')
  return root.spaces
}

function parseSpace(name: string, value: unknown, source: Source): SpaceSpec {
  const base = ['spaces', name]
  const siteOf: SiteOf = path => {
    const ofName = path[0] === 'name'
    return {
      field: String(path[0]),
      // A getter, as looking up a place takes time and only an error needs it.
      get place() {
        return ofName ? source.place(base, true) : source.place([...base, ...path])
      },
    }
  }
  parseName(name, siteOf(['name']))
  return validateSpec(name, checkShape(value ?? {}, base, source), siteOf)
}

/** Types and keys only: for a value of the right type and wrong content, validate.ts has the better message. */
function checkShape(value: unknown, base: Path, source: Source): RawSpec {
  if (!isRecord(value)) throw badType(base, 'Object', value, source) // valibot takes a list for an object
  const result = v.safeParse(spaceSchema, value)
  if (result.success) return result.output
  for (const issue of result.issues) {
    if (issue.kind !== 'schema') continue
    const path = (issue.path ?? []).map(item => item.key as string | number)
    if (issue.expected === 'never') throw unknownKey([...base, ...path], SPACE_KEYS, source)
    throw badType([...base, ...path], issue.expected ?? '', issue.input, source)
  }
  return value as RawSpec
}

function unknownKey(path: Path, known: readonly string[], source: Source): NatspaceError {
  const key = String(path.at(-1))
  const near = suggest(key, known)
  return badValue({
    code: 'UNKNOWN_KEY',
    site: { field: 'key', place: source.place(path, true) },
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

function badType(path: Path, expected: string, input: unknown, source: Source): NatspaceError {
  const wanted = EXPECTED[expected] ?? expected
  const field = String(path.findLast(step => typeof step === 'string'))
  const site: Site = { field, place: source.place(path) }
  return badValue({
    code: 'BAD_TYPE',
    site,
    value: input === null ? '' : isScalar(input) ? String(input) : Array.isArray(input) ? '[...]' : '{...}',
    why: input === null ? 'it has no value' : `it must be ${wanted}`,
    fix: [input === null ? `give ${wanted}, or remove the line` : `write ${wanted}`],
  })
}

const isScalar = (value: unknown): boolean => typeof value !== 'object'

function refuseClash(specs: readonly SpaceSpec[], source: Source): void {
  const published = specs.flatMap(spec =>
    spec.publish.map((publish, i) => ({
      space: spec.name,
      publish,
      path: ['spaces', spec.name, 'publish', i],
    })),
  )
  const clash = findPublishClash(published)
  if (clash === undefined) return
  const { earlier, later } = clash
  throw duplicatePort(earlier, { ...later, site: { field: 'publish', place: source.place(later.path) } })
}

/** The first fault, with the messages of others as evidence: one run tells what to correct. */
function withOthers(first: NatspaceError, others: readonly NatspaceError[]): NatspaceError {
  if (others.length === 0) return first
  const told = others.slice(0, TOLD - 1).map(error => error.message)
  const more = others.length >= TOLD ? ['and more faults behind these'] : []
  const { code, exit, what, why, evidence, fix } = first
  return new NatspaceError({ code, exit, what, why, evidence: [...evidence, ...told, ...more], fix })
}

/**
 * The spec file. YAML 1.2, of which JSON is a part; every error tells file, line and column of the value at fault.
 *
 * Theory of operation. The text is parsed into a document, which knows positions, and from that into plain values,
 * which do not. Shapes are checked against the schema, values by validate.ts, as for the command line; either names
 * the value at fault by its path, and only then is the path looked up in the document.
 */

import { NatspaceError } from '../errors.ts'
import type { SiteOf } from './fault.ts'
import { badFile, parseSource, type Source } from './file-source.ts'
import { findPublishClash } from './publish-clash.ts'
import { printable } from './quote.ts'
import { checkShape, unknownKey } from './shape.ts'
import type { SpaceSpec } from './types.ts'
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
    if (key !== 'spaces' && key !== '$schema') throw unknownKey([key], ['spaces'], source.place)
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
  return validateSpec(name, checkShape(value ?? {}, base, source.place), siteOf)
}

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

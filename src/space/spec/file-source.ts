/**
 * The text of a spec file as plain values, with the means to tell where each of them stands.
 */

import type { Document, LineCounter, Node } from 'yaml'
import { NatspaceError } from '../errors.ts'
import { printable, quote } from './quote.ts'

/** Times that aliases may multiply nodes: enough for shared defaults, too few for a bomb. */
const MAX_ALIASES = 100

/** Keys and indices from the root of the file to a value. */
export type Path = readonly (string | number)[]

/** `place` gives `FILE:LINE:COLUMN` of a value, or of its key. */
export type Source = { values: unknown; place: (path: Path, ofKey?: boolean) => string }

/** Reads YAML or JSON. Throws NatspaceError BAD_FILE or DUPLICATE_NAME. `fileName` is only shown. */
export async function parseSource(text: string, fileName: string): Promise<Source> {
  const yaml = await import('yaml')
  const lines = new yaml.LineCounter()
  try {
    const document = yaml.parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error', // the default prints warnings to stderr; 'silent' would let a second document pass
      uniqueKeys: false, // compares each key with each; refuseDuplicates does it in one pass
    })
    const [fault] = [...document.errors, ...document.warnings]
    if (fault !== undefined) throw badFile(placeOf(fileName, lines, fault.pos[0]), printable(fault.message))
    refuseDuplicates(document, yaml, offset => placeOf(fileName, lines, offset))
    const values: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    const place = (path: Path, ofKey = false): string =>
      placeOf(fileName, lines, offsetOf(document, path, ofKey, yaml))
    return { values, place }
  } catch (error) {
    // The parser reports a bomb of aliases, or brackets nested past the stack, by throwing.
    if (error instanceof NatspaceError || !(error instanceof Error)) throw error
    throw badFile(fileName, printable(error.message), false, error)
  }
}

/** The error for a file that cannot be read as a whole. */
export function badFile(place: string, why: string, duplicate = false, cause?: Error): NatspaceError {
  return new NatspaceError({
    code: duplicate ? 'DUPLICATE_NAME' : 'BAD_FILE',
    exit: 2,
    what: `${place}: cannot read the spec file`,
    why,
    fix: [duplicate ? 'remove or rename one of them' : 'write YAML or JSON with spaces: NAME: {...}'],
    ...(cause === undefined ? {} : { cause }),
  })
}

function placeOf(fileName: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `${fileName}:${Math.max(line, 1)}:${Math.max(col, 1)}`
}

type Yaml = typeof import('yaml')

/** Offset of the value at a path, or of its key; of the nearest parent that has one if it stands behind an alias. */
function offsetOf(document: Document.Parsed, path: Path, ofKey: boolean, yaml: Yaml): number {
  let node: unknown = document.contents
  let offset = start(node) ?? 0
  for (const [depth, step] of path.entries()) {
    if (yaml.isAlias(node)) node = node.resolve(document)
    if (yaml.isMap(node)) {
      const pair = node.items.find(item => keyText(item.key, yaml) === String(step))
      const keyWanted = ofKey && depth === path.length - 1
      offset = (keyWanted ? undefined : start(pair?.value)) ?? start(pair?.key) ?? offset
      node = pair?.value
    } else if (yaml.isSeq(node)) {
      node = node.items[Number(step)]
      offset = start(node) ?? offset
    }
  }
  return offset
}

/** Keys are compared as the text that they become in an object: `1` and `"1"` are the same. */
function refuseDuplicates(document: Document.Parsed, yaml: Yaml, place: (offset: number) => string): void {
  yaml.visit(document, {
    Map(_, map) {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        const name = keyText(key, yaml)
        if (seen.has(name)) throw badFile(place(start(key) ?? 0), `${quote(name)} stands there twice`, true)
        seen.add(name)
      }
    },
  })
}

const start = (node: unknown): number | undefined => (node as Node | null | undefined)?.range?.[0]

const keyText = (key: unknown, yaml: Yaml): string => String(yaml.isScalar(key) ? key.value : key)

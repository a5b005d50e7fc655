/**
 * Where in a YAML document the cursor stands, told by the indentation of the lines above, so that it can also be told of a
 * text that is not yet whole. Flow style (`{a: [b]}`) is known on the cursor's own line only as far as its key. Pure.
 */
import type { Path } from './schema.ts'

export type Place = {
  /** Where a key or value that is written here belongs. */
  path: Path
  /** Whether a value stands here; else a key. */
  writes: 'key' | 'value'
  /** What has been written of it, and where that begins in the text. */
  word: string
  from: number
  /** The keys that are there already, beside this one. */
  taken: string[]
}

const keyPattern = /^(\s*)((?:- )*)("[^"]*"|'[^']*'|[^\s:#,[\]{}"'][^:#]*?)\s*:(?:\s|$)/

const unquoted = (text: string): string => text.replace(/^(["'])(.*)\1$/, '$2')

type Line = { indent: number; key: string | undefined; dash: boolean; blank: boolean }

const lineOf = (text: string): Line => {
  const match = keyPattern.exec(text)
  const spaces = /^\s*/.exec(text)?.[0].length ?? 0
  const dashes = /^\s*((?:- +)*-?)/.exec(text)?.[1] ?? ''
  const dash = /^\s*-(\s|$)/.test(text)
  const blank = /^\s*(#.*)?$/.test(text)
  if (match === null) return { indent: spaces, key: undefined, dash, blank }
  return { indent: spaces + dashes.length, key: unquoted(match[3] ?? ''), dash, blank }
}

/** The place at this offset of the text. */
export function placeAt(text: string, offset: number): Place {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const before = text.slice(start, offset)
  const above = text.slice(0, start).split('\n').slice(0, -1).map(lineOf)
  const here = lineOf(before)
  const ownKey = here.key
  if (ownKey !== undefined) {
    const value = /^.*?:\s*/.exec(before)?.[0].length ?? before.length
    const inList = /\[[^\]]*$/.test(before.slice(value))
    const word = /[^\s[\],"']*$/.exec(before.slice(value))?.[0] ?? ''
    const parents = parentsOf(above, here.indent, here.dash)
    const path = [...parents, ownKey, ...(inList ? [undefined] : [])]
    return { path, writes: 'value', word, from: offset - word.length, taken: [] }
  }
  const indent = /^\s*/.exec(before)?.[0].length ?? 0
  const word = before.slice(indent).replace(/^(- *)+/, '')
  const path = parentsOf(above, indent, here.dash)
  if (here.dash)
    return { path: [...path, undefined], writes: 'value', word, from: offset - word.length, taken: [] }
  return { path, writes: 'key', word, from: offset - word.length, taken: siblings(text, start, indent) }
}

/** The keys that lines at this indentation are below. A list may stand at the indentation of its key. */
function parentsOf(above: readonly Line[], indent: number, dash: boolean): (string | undefined)[] {
  const path: (string | undefined)[] = []
  let limit = indent
  let mayBeLevel = dash
  for (const line of above.toReversed()) {
    if (line.blank) continue
    const isAbove = line.indent < limit || (mayBeLevel && line.indent === limit && !line.dash)
    if (!isAbove) continue
    if (line.key !== undefined) path.unshift(line.key)
    if (line.dash) path.unshift(undefined)
    limit = line.indent - (line.dash ? 2 : 0)
    mayBeLevel = line.dash
  }
  return path
}

/** The keys of the map around a line, above and below it. */
function siblings(text: string, start: number, indent: number): string[] {
  const lines = text.split('\n')
  const own = text.slice(0, start).split('\n').length - 1
  const keys: string[] = []
  for (const step of [-1, 1])
    for (let at = own + step; at >= 0 && at < lines.length; at += step) {
      const line = lineOf(lines[at] ?? '')
      if (line.blank || line.indent > indent) continue
      if (line.indent < indent) break
      if (line.key !== undefined) keys.push(line.key)
    }
  return keys
}

/** The path of the key on this line, for a description of it; nothing where there is none. */
export function keyAt(text: string, offset: number): Path | undefined {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', start)
  const line = text.slice(start, end < 0 ? undefined : end)
  const { key } = lineOf(line)
  if (key === undefined) {
    const place = placeAt(text, offset)
    return place.path.length === 0 ? undefined : place.path
  }
  const upTo = start + (/^.*?:/.exec(line)?.[0].length ?? 0)
  return placeAt(text, upTo).path
}

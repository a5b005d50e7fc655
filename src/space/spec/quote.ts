/** Text that a user or a file gave, made safe to show: it must not move the cursor, colour, reorder or flood a terminal. */

/** Characters (not bytes) shown of a long text. */
const SHOWN = 64

/** Nothing to escape: printable ASCII without the backslash, as nearly all text is. To ask this takes far less than to replace. */
const plain = /^[\x20-\x5b\x5d-\x7e]*$/

/** `text` in single quotes, escaped as `printable` does; past 64 characters it is cut and its length told. */
export function quote(text: string): string {
  const characters = Array.from(text.slice(0, 2 * SHOWN + 2))
  if (characters.length <= SHOWN) return `'${printable(text).replaceAll("'", "\\'")}'`
  const start = printable(characters.slice(0, SHOWN).join('')).replaceAll("'", "\\'")
  return `'${start}…' (${text.length} characters)`
}

/**
 * `text` with control, format (bidirectional, zero-width), unassigned and surrogate characters, line separators and
 * the backslash escaped as in JavaScript. For text that somebody else wrote and that is shown without quotes.
 */
export function printable(text: string): string {
  return plain.test(text) ? text : text.replace(/[\p{C}\p{Zl}\p{Zp}\\]/gu, escaped)
}

/**
 * As `printable`, but a backslash stays: for a sentence or a command in which others' text is quoted already, so that it is
 * not escaped a second time, and a command can still be run.
 */
export function visible(text: string): string {
  return plain.test(text) ? text : text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped)
}

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return SHORT[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`)
}

const hex = (code: number, width: number): string => code.toString(16).padStart(width, '0')

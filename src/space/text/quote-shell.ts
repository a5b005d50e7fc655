/** Words for a POSIX shell: what is printed as a command must mean the same when it is run. */

/** Characters that mean nothing to any shell, in any place of a word. A leading `~` or `=` and the like are not among them. */
const plain = /^[A-Za-z0-9_@%+=:,./-]+$/

/**
 * What a terminal would obey or not show (controls, formats, surrogates, separators); line ends and tabs are left to
 * single quotes. The same characters as `printable` escapes.
 */
const unseen = /((?![\n\t])[\p{C}\p{Zl}\p{Zp}])+/gu

/**
 * One word of a shell command that expands to exactly `text`. What must not reach a terminal is spelt for printf(1), so
 * that a script can be looked at. Throws RangeError for a NUL, which no word can hold.
 */
export function quoteShell(text: string): string {
  if (plain.test(text)) return text
  if (text.includes('\0')) throw new RangeError('A word of a shell command cannot hold a NUL byte')
  let word = ''
  let end = 0
  for (const { 0: run, index } of text.matchAll(unseen)) {
    word += singleQuoted(text.slice(end, index)) + printf(run)
    end = index + run.length
  }
  return word + singleQuoted(text.slice(end)) || "''"
}

/** Whether quoteShell has to spell something out. */
export const isSeen = (text: string): boolean => text.search(unseen) < 0

const singleQuoted = (text: string): string => (text === '' ? '' : `'${text.replaceAll("'", `'\\''`)}'`)

const printf = (text: string): string =>
  `"$(printf '${[...new TextEncoder().encode(text)].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join('')}')"`

/** A whole command of words, each quoted as far as it needs it. */
export const shellCommand = (...words: readonly (string | number)[]): string =>
  words.map(word => quoteShell(String(word))).join(' ')

/**
 * Text as comment lines of a script; nothing in it can end the comment but the line ends, which become new ones, and nothing
 * can make a reader see something else than the shell does.
 */
export const shellComment = (text: string): string[] =>
  text.split(/[\n\r\u0085\u2028\u2029]/).map(line => `# ${line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')}`)

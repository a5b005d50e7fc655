/** Words for a POSIX shell: what is printed as a command must mean the same when it is run. */

/** Characters that mean nothing to any shell, in any place of a word. A leading `~` or `=` and the like are not among them. */
const plain = /^[A-Za-z0-9_@%+:,./-]+$/

/** One word of a shell command that expands to exactly `text`. Throws RangeError for a NUL, which no word can hold. */
export function quoteShell(text: string): string {
  if (plain.test(text)) return text
  if (text.includes('\0')) throw new RangeError('A word of a shell command cannot hold a NUL byte')
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** A whole command of words, each quoted as far as it needs it. */
export const shellCommand = (...words: readonly (string | number)[]): string =>
  words.map(word => quoteShell(String(word))).join(' ')

/** Text as comment lines of a script; nothing in it can end the comment but the line ends, which become new ones. */
export const shellComment = (text: string): string[] =>
  text
    .split(/[\n\r\u0085\u2028\u2029]/)
    .map(line => `# ${line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')}`)

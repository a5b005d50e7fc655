/**
 * A word of a command line as systemd.service(5) reads it: quotes, specifiers and variables lose their meaning. In the
 * path of the program there are no variables. Pure.
 */
export const execWord = (word: string, hasVariables = true): string => {
  const literal = word.replaceAll('%', '%%')
  const escaped = hasVariables ? literal.replaceAll('$', '$$$$') : literal
  // A semicolon by itself would end the command.
  return /^[A-Za-z0-9_@%$+=:,./!-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replace(/["\\\p{C}]/gu, character => escapes[character] ?? byBytes(character))}"`
}

const escapes: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t' }

const byBytes = (character: string): string =>
  [...new TextEncoder().encode(character)].map(byte => `\\x${byte.toString(16).padStart(2, '0')}`).join('')

import { FilterError } from './error.ts'

/** A word of a filter: a keyword, name, number or address, or a sign. `column` counts from 1. */
export type Token = { kind: 'word' | 'sign' | 'end'; text: string; column: number }

// Words hold what addresses, prefixes, ranges of ports and names like tcp-syn are made of.
const pattern = /\s*(?:(<<|>>|<=|>=|==|!=|&&|\|\||[()[\]:&|!<>=+*/%^-])|([A-Za-z0-9_.\\][A-Za-z0-9_.\\-]*))/y
const address =
  /\s*((?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F.]*|[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5})(?![\w:])/y
const longest = 4096

/** Cuts a filter into its words; the last one is of kind `end`. Throws FilterError for a character that has no meaning. */
export const tokensOf = (text: string): Token[] => {
  if (text.length > longest) throw new FilterError(longest, `more than ${longest} characters`)
  const tokens: Token[] = []
  let at = 0
  // In brackets `2:4` is an offset and a size, and in an address of IPv6 it is neither.
  let depth = 0
  while (/\S/.test(text.slice(at))) {
    address.lastIndex = at
    const found = depth === 0 ? address.exec(text) : null
    if (found !== null) {
      at = address.lastIndex
      tokens.push({ kind: 'word', text: found[1] ?? '', column: at - (found[1] ?? '').length + 1 })
      continue
    }
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match === null) {
      const column = at + (text.slice(at).length - text.slice(at).trimStart().length) + 1
      throw new FilterError(column, `the character ${JSON.stringify(text[column - 1])} has no meaning here`)
    }
    at = pattern.lastIndex
    const [, sign, word] = match
    if (sign === '[') depth++
    if (sign === ']') depth--
    tokens.push({
      kind: sign === undefined ? 'word' : 'sign',
      text: sign ?? word ?? '',
      column: at - (sign ?? word ?? '').length + 1,
    })
  }
  tokens.push({ kind: 'end', text: '', column: text.trimEnd().length + 1 })
  return tokens
}

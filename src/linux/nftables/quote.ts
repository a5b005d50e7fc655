/**
 * Names and texts from the kernel in nft's language. nft has no escapes: a text ends at the next double quote, whatever
 * stands in front of it. What comes from elsewhere (interfaces, comments, chains of other programs) may hold anything;
 * characters that would end the text, end the line or be obeyed by a terminal are replaced by a question mark, so that
 * a listing can be looked at, and can be given to nft, and says nothing that is not there.
 */

const harmful = /["\p{C}\p{Zl}\p{Zp}]/gu
const outsideOfNames = /[^A-Za-z0-9_./\\@%+-]/gu

/** A text in double quotes: comments, prefixes of logs, names of objects. */
export const quoteText = (text: string): string => `"${text.replace(harmful, '?')}"`

/** A name that nft writes without quotes: of tables, chains, sets. */
export const nameText = (name: string): string => name.replace(outsideOfNames, '?')

/** A name of an interface. A star at its end would mean "anything that begins so", hence the backslash. */
export const quoteName = (name: string): string =>
  quoteText(name.endsWith('*') ? `${name.slice(0, -1)}\\*` : name)

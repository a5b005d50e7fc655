/** A text in double quotes: comments, prefixes, names of objects. nft knows no escapes in them. */
export const quoteText = (text: string): string => `"${text}"`

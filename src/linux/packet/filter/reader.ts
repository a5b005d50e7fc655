import { FilterError } from './error.ts'
import { type Token, tokensOf } from './token.ts'

/** The words of a filter, one after the other. */
export class Reader {
  readonly #tokens: Token[]
  #at = 0

  /** Throws FilterError for a character without meaning. */
  constructor(text: string) {
    this.#tokens = tokensOf(text)
  }

  /** The word that comes, or the one so many words later; at the end always that of kind `end`. */
  peek(ahead = 0): Token {
    const index = Math.min(this.#at + ahead, this.#tokens.length - 1)
    return this.#tokens[index] ?? { kind: 'end', text: '', column: 1 }
  }

  next(): Token {
    const token = this.peek()
    this.#at++
    return token
  }

  /** Goes past one of these words if it comes. */
  take(...texts: readonly string[]): Token | undefined {
    const token = this.peek()
    return token.kind !== 'end' && texts.includes(token.text) ? this.next() : undefined
  }

  /** Goes past a word that must come. Throws FilterError. */
  expect(text: string, hint?: string): Token {
    return this.take(text) ?? this.fail(this.peek(), `expected "${text}"`, hint)
  }

  /** Throws a FilterError at a word. */
  fail(token: Token, reason: string, hint?: string): never {
    const what =
      token.kind === 'end' ? `the filter ends: ${reason}` : `${JSON.stringify(token.text)}: ${reason}`
    throw new FilterError(token.column, what, hint)
  }
}

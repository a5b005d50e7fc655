import { parseArithmetic, relationOf, startsArithmetic } from './arithmetic.ts'
import type { Expression } from './expression.ts'
import { parsePrimitive } from './primitive.ts'
import { isKeyword, type Qualifiers } from './qualifiers.ts'
import { Reader } from './reader.ts'
import { parseValue } from './value.ts'

/** Parentheses and negations within each other: no filter that is meant has as many. */
const deepest = 100

/** What the last primitive asked for: `port 80 or 443` means `port 80 or port 443`. */
type State = { reader: Reader; last: Qualifiers | undefined; depth: number }

/**
 * Reads a filter in the language of pcap-filter(7). As there, `and` and `or` bind equally and from the left, `not` binds
 * tighter, and a value without a keyword takes those of the value before it. An empty filter lets everything pass.
 * Throws FilterError, with the column.
 */
export const parseFilter = (text: string): Expression => {
  const reader = new Reader(text)
  if (reader.peek().kind === 'end') return { type: 'everything' }
  const expression = parseAlternatives({ reader, last: undefined, depth: 0 })
  const rest = reader.peek()
  if (rest.kind !== 'end')
    reader.fail(rest, 'nothing more was expected here', 'join two conditions by "and" or "or"')
  return expression
}

const parseAlternatives = (state: State): Expression => {
  const { reader } = state
  let left = parseTerm(state)
  for (;;) {
    const type = reader.take('and', '&&') ? 'and' : reader.take('or', '||') ? 'or' : undefined
    if (type === undefined) return left
    left = { type, left, right: parseTerm(state) }
  }
}

const parseTerm = (state: State): Expression => {
  const { reader } = state
  if (state.depth > deepest) reader.fail(reader.peek(), `more than ${deepest} levels deep`)
  if (reader.take('not', '!')) {
    state.depth++
    const of = parseTerm(state)
    state.depth--
    return { type: 'not', of }
  }
  // A parenthesis opens a condition or a number: `(len - 4) > 60`. A relation after its end tells.
  if (startsArithmetic(reader)) {
    const left = parseArithmetic(reader)
    const relation = relationOf(reader)
    return { type: 'compare', relation, left, right: parseArithmetic(reader) }
  }
  if (reader.take('(')) {
    state.depth++
    const inner = parseAlternatives(state)
    state.depth--
    reader.expect(')')
    return inner
  }
  const inherited = isKeyword(reader.peek().text) ? undefined : state.last
  const value = inherited === undefined ? undefined : parseValue(reader, inherited)
  if (value !== undefined) return value
  const { expression, qualifiers } = parsePrimitive(reader)
  if (qualifiers !== undefined) state.last = qualifiers
  return expression
}

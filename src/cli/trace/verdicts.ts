import type { StoryEnd } from '../../insight/trace/outcome.ts'
import { quote } from '../../space/spec/quote.ts'
import { suggest } from '../../space/spec/suggest.ts'
import { usageError } from '../options.ts'

export type Outcome = StoryEnd['outcome']

/** Words of --verdict, and the ends that they mean. */
const words: Readonly<Record<string, Outcome>> = {
  answered: 'answered',
  refused: 'refused',
  delivered: 'delivered',
  drop: 'dropped',
  lost: 'lost',
}

/** All ends, in the order in which they are counted. */
export const outcomes: readonly Outcome[] = Object.values(words)

/** The ends that are asked for, each text one word or several with commas between; all without any. Throws BAD_CHOICE. */
export const parseVerdicts = (texts: readonly string[] = []): ReadonlySet<Outcome> => {
  if (texts.length === 0) return new Set(outcomes)
  return new Set(texts.flatMap(text => text.split(',')).map(outcomeOf))
}

const outcomeOf = (text: string): Outcome => {
  const word = text.trim().replace(/^dropped$/, 'drop')
  const outcome = Object.hasOwn(words, word) ? words[word] : undefined
  if (outcome !== undefined) return outcome
  const near = suggest(word, Object.keys(words))
  throw usageError(
    'BAD_CHOICE',
    `Cannot use --verdict ${quote(text)}`,
    near === undefined ? 'it is not among the values' : `it is not among the values; did you mean ${near}?`,
    [`write one or more of: ${Object.keys(words).join(', ')}`],
  )
}

import { decompile } from '../decompile/decompile.ts'
import { quoteText } from '../quote.ts'
import type { RuleState } from '../read/model.ts'
import type { TextContext } from './context.ts'
import { statementText } from './statement-text.ts'

/** A rule as nft prints it, without its handle. Never throws: what cannot be read is named. */
export const ruleText = (rule: Pick<RuleState, 'instructions' | 'comment'>, context: TextContext): string => {
  const parts = decompile(rule.instructions, context).map(statement => statementText(context, statement))
  if (rule.comment !== undefined) parts.push(`comment ${quoteText(rule.comment)}`)
  return parts.join(' ')
}

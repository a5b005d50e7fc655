import { nameText, quoteText } from '../quote.ts'
import type { Ruleset, Table } from '../read/model.ts'
import { chainText } from './chain-text.ts'
import type { TextContext } from './context.ts'
import { flowtableText, objectText } from './object-text.ts'
import { setText } from './set-text.ts'

export type TextOptions = Pick<TextContext, 'interfaceNames'>

/** The context for the texts of a table's parts. */
export const contextOf = (
  table: Pick<Table, 'family' | 'sets'> & { chains?: Table['chains'] },
  options: TextOptions = {},
): TextContext => ({
  family: table.family,
  sets: table.sets,
  ...(table.chains === undefined ? {} : { chains: table.chains }),
  ...options,
})

/** A table as nft prints it. Equivalent to: `nft list table FAMILY TABLE` */
export const tableText = (table: Table, options: TextOptions = {}): string => {
  const context = contextOf(table, options)
  const head = [
    ...(table.flags.length === 0 ? [] : [`\tflags ${table.flags.join(',')}`]),
    ...(table.comment === undefined ? [] : [`\tcomment ${quoteText(table.comment)}`]),
  ]
  const parts = [
    ...table.objects.map(objectText),
    ...table.sets.filter(set => !set.anonymous).map(set => setText(set, context)),
    ...table.flowtables.map(flowtable => flowtableText(flowtable, context)),
    ...table.chains.filter(chain => !chain.binding).map(chain => chainText(chain, context)),
  ]
  const body = parts.join('\n\n')
  // nft leaves a line free behind flags, but not behind a comment alone.
  const gap = table.flags.length > 0 && body !== '' ? '\n' : ''
  const lines = [...head.map(line => `${line}\n`), gap, body === '' ? '' : `${body}\n`]
  return `table ${table.family} ${nameText(table.name)} {\n${lines.join('')}}\n`
}

/** A whole ruleset as nft prints it. Equivalent to: `nft list ruleset` */
export const rulesetText = (ruleset: Ruleset, options: TextOptions = {}): string =>
  ruleset.tables.map(table => tableText(table, options)).join('')

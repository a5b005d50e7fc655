import type { ChainSpec, NftCommand } from '../batch/command.ts'
import { nameText, quoteText } from '../quote.ts'
import type { SetElement } from '../sets/element.ts'
import type { NamedSet } from '../sets/named-set.ts'
import { asState } from '../sets/set-fields.ts'
import type { Rule } from '../syntax/statement.ts'
import { devicesText } from './chain-text.ts'
import type { TextContext } from './context.ts'
import { elementText } from './element-text.ts'
import { priorityText } from './priority-text.ts'
import { setLines } from './set-text.ts'
import { statementText } from './statement-text.ts'

/**
 * The nft command that does the same, on one line: `nft add element inet natspace publish4 { tcp . 8080 : 192.168.45.3 . 80 }`.
 * Behind `nft ` it is also a line for `nft -f`. For a shell, what follows `nft ` has to be quoted as one word.
 */
export const commandText = (command: NftCommand): string => {
  const context: TextContext = { family: command.family, sets: [] }
  const where = `${command.family} ${nameText(command.table)}`
  const [object, verb] = command.type.split('.') as [string, string]
  const text = (word: string, name?: string, content?: string): string =>
    ['nft', verb, word, where, ...(name === undefined ? [] : [name]), ...(content ? [content] : [])].join(' ')
  switch (command.type) {
    case 'table.add':
    case 'table.create':
      return text('table', undefined, block(tableLines(command)))
    case 'table.delete':
    case 'table.flush':
      return text('table')
    case 'chain.add':
    case 'chain.create':
      return text('chain', nameText(command.chain.name), block(chainLines(command.chain, context)))
    case 'chain.delete':
    case 'chain.flush':
      return text('chain', nameText(command.chain))
    case 'set.add':
    case 'set.create':
      return text(
        setWord(command.set),
        nameText(command.set.name),
        block(setLines(asState(command.set), context)),
      )
    case 'set.delete':
    case 'set.flush':
      return text(object, nameText(command.set))
    case 'rule.add':
    case 'rule.insert': {
      const position = command.position === undefined ? '' : ` handle ${command.position}`
      return text('rule', `${nameText(command.chain)}${position}`, statementsText(command.rule, context))
    }
    case 'rule.replace':
      return text(
        'rule',
        `${nameText(command.chain)} handle ${command.handle}`,
        statementsText(command.rule, context),
      )
    case 'rule.delete':
      return text('rule', `${nameText(command.chain)} handle ${command.handle}`)
    case 'element.add':
    case 'element.create':
    case 'element.delete':
      return text(
        'element',
        nameText(command.set.name),
        elementsBlock(command.set, command.elements, context),
      )
  }
}

const block = (lines: readonly string[]): string =>
  lines.length === 0 ? '' : `{ ${lines.map(line => `${line.replace(/;$/, '')};`).join(' ')} }`

const setWord = (set: NamedSet): string => (set.data === undefined ? 'set' : 'map')

const tableLines = (command: Extract<NftCommand, { type: 'table.add' | 'table.create' }>): string[] => [
  ...(command.comment === undefined ? [] : [`comment ${quoteText(command.comment)}`]),
  ...(command.flags?.length ? [`flags ${command.flags.join(',')}`] : []),
]

const chainLines = (chain: ChainSpec, { family }: TextContext): string[] => [
  ...(chain.hook === undefined
    ? []
    : [
        `type ${chain.type ?? 'filter'} hook ${chain.hook}${devicesText(chain.devices ?? [])} ` +
          `priority ${priorityText(family, chain.hook, chain.priority ?? 0)}`,
        `policy ${chain.policy ?? 'accept'}`,
      ]),
  ...(chain.comment === undefined ? [] : [`comment ${quoteText(chain.comment)}`]),
]

/** A rule's statements as they are written: also those that nft would leave out in a listing. */
const statementsText = (rule: Rule, context: TextContext): string =>
  [
    ...rule.statements.map(statement => statementText(context, statement)),
    ...(rule.comment === undefined ? [] : [`comment ${quoteText(rule.comment)}`]),
  ].join(' ')

const elementsBlock = (set: NamedSet, elements: readonly SetElement[], context: TextContext): string => {
  const state = asState(set)
  return `{ ${elements.map(element => elementText(context, state, element)).join(', ')} }`
}

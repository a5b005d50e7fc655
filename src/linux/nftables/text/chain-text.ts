import { nameText, quoteText } from '../quote.ts'
import type { Chain } from '../read/model.ts'
import type { TextContext } from './context.ts'
import { priorityText } from './priority-text.ts'
import { ruleText } from './rule-text.ts'

/** A chain with its rules as nft prints it inside of its table. */
export const chainText = (chain: Chain, context: TextContext): string => {
  const lines = [`\tchain ${nameText(chain.name)} {`]
  if (chain.comment !== undefined) lines.push(`\t\tcomment ${quoteText(chain.comment)}`)
  if (chain.hook !== undefined) lines.push(`\t\t${hookLine(chain, context)}`)
  for (const rule of chain.rules) lines.push(`\t\t${ruleText(rule, context)}`)
  lines.push('\t}')
  return lines.join('\n')
}

const hookLine = (chain: Chain, { family }: TextContext): string => {
  const priority = priorityText(family, chain.hook, chain.priority ?? 0)
  const offload = chain.offload ? ' flags offload;' : ''
  return (
    `type ${chain.type ?? 'filter'} hook ${chain.hook}${devicesText(chain.devices ?? [])} ` +
    `priority ${priority};${offload} policy ${chain.policy ?? 'accept'};`
  )
}

/** ` device "eth0"`, or ` devices = { eth0, eth1 }`. */
export const devicesText = (devices: readonly string[]): string => {
  const [only, ...more] = devices
  if (only === undefined) return ''
  return more.length === 0
    ? ` device ${quoteText(only)}`
    : ` devices = { ${devices.toSorted().map(nameText).join(', ')} }`
}

import { xtText } from '../../linux/nftables/evaluate/index.ts'
import {
  contextOf,
  decompile,
  type Instruction,
  type RuleState,
  ruleText,
  type Statement,
  type Table,
} from '../../linux/nftables/index.ts'
import { shellCommand } from '../text/quote-shell.ts'

/**
 * A rule in the words of the program that made it, so that it can be removed and made again by a command. Only what is
 * understood wholly is put into words: a rule of which one word were missing would be another rule.
 */

/** The words of a rule for iptables behind `-A CHAIN`; undefined where some part has none. */
export const iptablesWords = (rule: RuleState, table: Table): string[] | undefined => {
  const words: string[] = []
  let hasProtocol = false
  for (const statement of decompile(rule.instructions, table)) {
    const part = wordsOf(statement)
    if (part === undefined) return undefined
    // A port needs its protocol, which nft leaves out where the port says it.
    const [protocol, ...rest] = part
    if (protocol === '-p' && hasProtocol) words.push(...rest.slice(1))
    else words.push(...part)
    hasProtocol ||= protocol === '-p'
  }
  return rule.comment === undefined ? words : [...words, '-m', 'comment', '--comment', rule.comment]
}

const wordsOf = (statement: Statement): string[] | undefined => {
  switch (statement.kind) {
    case 'counter':
      return []
    case 'verdict':
      return statement.verdict === 'accept' || statement.verdict === 'drop'
        ? ['-j', statement.verdict.toUpperCase()]
        : undefined
    case 'match':
      return matchWords(statement)
    case 'raw':
      return extensionWords(statement.instruction)
    default:
      return undefined
  }
}

const optionOf: Readonly<Record<string, string>> = {
  'meta iifname': '-i',
  'meta oifname': '-o',
  'ip saddr': '-s',
  'ip daddr': '-d',
  'meta l4proto': '-p',
  'ip protocol': '-p',
}

const matchWords = ({
  left,
  operator,
  right,
}: Extract<Statement, { kind: 'match' }>): string[] | undefined => {
  const name =
    left.kind === 'meta' ? `meta ${left.key}` : left.kind === 'payload' ? `${left.header} ${left.field}` : ''
  const port = /^(tcp|udp|sctp) ([ds]port)$/.exec(name)
  const value = textOfPattern(right, port !== null)
  if (value === undefined || (operator !== '==' && operator !== '!=')) return undefined
  const not = operator === '!=' ? ['!'] : []
  const option = optionOf[name]
  if (option !== undefined) return [...not, option, value]
  return port === null ? undefined : ['-p', port[1] as string, ...not, `--${port[2]}`, value]
}

type Pattern = Extract<Statement, { kind: 'match' }>['right']

const textOfPattern = (pattern: Pattern, isPort: boolean): string | undefined => {
  switch (pattern.kind) {
    case 'value':
      return typeof pattern.value === 'string' || typeof pattern.value === 'number'
        ? String(pattern.value)
        : undefined
    case 'prefix':
      return `${pattern.value}/${pattern.length}`
    case 'range':
      return isPort ? `${pattern.first}:${pattern.last}` : undefined
    case 'wildcard':
      return `${pattern.beginning}+`
    default:
      return undefined
  }
}

/** From the words of nft, which say all of the few extensions that appear in such rules. */
const extensionWords = (instruction: Instruction): string[] | undefined => {
  const text = xtText(instruction, 4)
  if (text === undefined) return undefined
  const [, kind, target] = /^(dnat|snat) to (\S+)$/.exec(text) ?? []
  if (kind !== undefined && target !== undefined)
    return ['-j', kind.toUpperCase(), kind === 'dnat' ? '--to-destination' : '--to-source', target]
  if (text === 'masquerade') return ['-j', 'MASQUERADE']
  const [, not, states] = /^ct state (!= )?([a-z,]+)$/.exec(text) ?? []
  if (states !== undefined)
    return ['-m', 'conntrack', ...(not ? ['!'] : []), '--ctstate', states.toUpperCase()]
  const [, types] = /^fib daddr type ([a-z,]+)$/.exec(text) ?? []
  if (types !== undefined) return ['-m', 'addrtype', '--dst-type', types.toUpperCase()]
  const [, comment] = /^comment "([^"\\]*)"$/.exec(text) ?? []
  return comment === undefined ? undefined : ['-m', 'comment', '--comment', comment]
}

/** Commands that remove a rule and make it again where it stood; undefined where it cannot be put into words. */
export const ruleCommands = (
  table: Table,
  chain: string,
  rule: RuleState,
  index: number,
): { remove: string; restore: string } | undefined => {
  const isIptables = table.family === 'ip' && /^[A-Z]/.test(chain)
  if (isIptables) {
    const words = iptablesWords(rule, table)
    if (words === undefined) return undefined
    const command = (...verb: (string | number)[]) =>
      shellCommand('iptables', '-t', table.name, ...verb, ...words)
    return { remove: command('-D', chain), restore: command('-I', chain, index + 1) }
  }
  const place = [table.family, table.name, chain]
  const isPlain = rule.instructions.every(({ name }) => name !== 'match' && name !== 'target')
  if (!isPlain) return undefined
  return {
    remove: shellCommand('nft', 'delete', 'rule', ...place, 'handle', String(rule.handle)),
    restore: shellCommand(
      'nft',
      `${index === 0 ? 'insert' : 'add'} rule ${place.join(' ')} ${ruleText(rule, contextOf(table))}`,
    ),
  }
}

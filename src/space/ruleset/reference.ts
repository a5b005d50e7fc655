import { FakeNetfilter } from '../../linux/fake/netfilter.ts'
import {
  type Chain,
  chainText,
  contextOf,
  type SetState,
  type Table,
  type TextContext,
} from '../../linux/nftables/index.ts'
import { setLines } from '../../linux/nftables/text/set-text.ts'
import { chainsAbout, setsAbout } from './about.ts'
import { plainTableCommands } from './commands.ts'

/** In the order in which a packet meets them. */
const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting']

/** The table as the kernel gives it back, without any space. */
const emptyTable = (): Table => {
  const netfilter = new FakeNetfilter()
  netfilter.commit(plainTableCommands(), undefined)
  return netfilter.read().tables[0] as Table
}

/** The base chains by hook and priority, each followed by the chains that it is the first to lead to. */
export const chainsInOrder = (table: Table): Chain[] => {
  const place = ({ hook, priority = 0 }: Chain) => hooks.indexOf(hook ?? '') * 10_000 + priority
  const bases = table.chains
    .filter(chain => chain.hook !== undefined)
    .toSorted((one, other) => place(one) - place(other))
  const ordered = new Set<Chain>()
  const add = (chain: Chain): void => {
    if (ordered.has(chain)) return
    ordered.add(chain)
    for (const target of targetsOf(chain, table)) add(target)
  }
  for (const base of bases) add(base)
  return [...ordered]
}

const targetsOf = (chain: Chain, table: Table): Chain[] => {
  const text = chainText(chain, contextOf(table))
  return [...text.matchAll(/\b(?:goto|jump) (\w+)$/gm)].flatMap(([, name]) =>
    table.chains.filter(target => target.name === name),
  )
}

const chainSection = (chain: Chain, context: TextContext): string[] => [
  `### ${chain.name}`,
  '',
  chainsAbout[chain.name] ?? '',
  '',
  '```nft',
  chainText(chain, context).replaceAll(/^\t/gm, ''),
  '```',
  '',
]

const setRow = (set: SetState, context: TextContext): string => {
  const [type = '', ...more] = setLines({ ...set, elements: [] }, context)
  return `| \`${set.name}\` | \`${[type.replace('type ', ''), ...more].join('; ')}\` | ${setsAbout[set.name] ?? ''} |`
}

/** The text of docs/ruleset.md: the table as nft lists it before there is a space, and what everything in it is for. */
export const rulesetReference = (): string => {
  const table = emptyTable()
  const context = contextOf(table)
  return `${[
    '# The ruleset',
    '',
    'Made from the rules themselves by `bun scripts/generate-ruleset-doc.ts`; tests hold it equal to them, and to what nft(8) lists.',
    '',
    'All spaces share one table, `inet natspace`, with a constant number of rules: a space adds nothing but elements to its sets',
    '([why](decisions/0006-one-table-of-constant-rules.md)). `nft list table inet natspace` shows the rules below and the elements',
    "of this host's spaces. Every base chain accepts by policy, so that nobody else's packets fare differently.",
    '',
    '## Chains',
    '',
    'In the order in which a packet meets them: by hook and priority, each followed by those it leads to.',
    '',
    ...chainsInOrder(table).flatMap(chain => chainSection(chain, context)),
    '## Sets and maps',
    '',
    '| name | type | what it is for |',
    '|---|---|---|',
    ...table.sets.map(set => setRow(set, context)),
  ].join('\n')}\n`
}

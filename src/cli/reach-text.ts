import type { Blockade, PublishedStatus } from '../space/reconcile/types.ts'

/** Published ports for `status`: a line for each with who reaches it, and one for each chain of others in the way. */
export const reachLines = (published: readonly PublishedStatus[]): string[] => {
  const width = Math.max(0, ...published.map(({ publish }) => publish.length))
  return published.flatMap(item => [
    `${item.publish.padEnd(width)}  ${whoText(item)}`,
    ...item.blockedBy.map(blockade => `${' '.repeat(width)}  ${blockadeText(item, blockade)}`),
  ])
}

const names = { host: 'this host', lan: 'the LAN', spaces: 'other spaces' } as const

const whoText = ({ reach, blockedBy, missing }: PublishedStatus): string => {
  if (missing !== undefined) return `from nowhere: this host has no address ${missing}`
  const reaching = (['host', 'lan', 'spaces'] as const).filter(
    who => reach[who] === 'yes' || reach[who] === 'partly',
  )
  const isAlone = reaching.length === 1 && blockedBy.length === 0
  return `from ${inWords(reaching.map(who => names[who]))}${isAlone ? ' only' : ''}`
}

/** `not from the LAN: chain ip filter FORWARD (ufw), policy drop` */
const blockadeText = (
  { reach }: PublishedStatus,
  { chain, rule, owner, from, families }: Blockade,
): string => {
  const who = inWords(from.map(group => names[group]))
  const by = from.some(group => reach[group] === 'partly')
    ? ` by ${families.map(n => `IPv${n}`).join(', ')}`
    : ''
  return `not from ${who}${by}: chain ${chain} (${owner}), ${rule}`
}

/** 'a', 'a and b', 'a, b and c'. */
const inWords = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`

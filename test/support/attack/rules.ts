/** Positive controls: the same probe with a rule taken out must succeed, or it has proved nothing. */
import { run } from '../sandbox.ts'
import { machine, must } from './stage.ts'

const nft = (namespace: string, input: string): string =>
  run('nsenter', [`--net=/run/netns/${namespace}`, 'nft', '-f', '-'], input)

/**
 * Runs `body` while the rules of these chains of natspace's table that match are gone, and puts the table back.
 * `{ from_space: /drop/ }` takes out the rules of `from_space` with a drop in them. Throws where none matches.
 */
export const withoutRules = <T>(chains: Readonly<Record<string, RegExp>>, body: () => T): T => {
  const host = machine('host')
  const saved = must(host, 'nft list table inet natspace')
  for (const [chain, pattern] of Object.entries(chains)) {
    const handles = must(host, `nft -a list chain inet natspace ${chain}`)
      .split('\n')
      .slice(2)
      .filter(line => line.includes('# handle') && !/type .* hook/.test(line) && pattern.test(line))
      .map(line => /# handle (\d+)/.exec(line)?.[1])
    if (handles.length === 0) throw new Error(`no rule of ${chain} matches ${pattern}`)
    nft(host, handles.map(handle => `delete rule inet natspace ${chain} handle ${handle}\n`).join(''))
  }
  try {
    return body()
  } finally {
    nft(host, `delete table inet natspace\n${saved}`)
  }
}

/** Runs `body` while somebody else has tables on the host as well: `table inet NAME { … }`. */
export const withRules = <T>(rules: string, body: () => T): T => {
  const host = machine('host')
  nft(host, rules)
  try {
    return body()
  } finally {
    const tables = [...rules.matchAll(/^\s*table (\w+ \w+)/gm)].map(([, table]) => `delete table ${table}\n`)
    nft(host, tables.join(''))
  }
}

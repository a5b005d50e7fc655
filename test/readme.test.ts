/** README says what is so: its figures are those of docs/benchmarks.md, and the commands that it shows exist. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import manifest from '../package.json' with { type: 'json' }
import { commandNames } from '../src/cli/registry.ts'

const root = join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const benchmarks = readFileSync(join(root, 'docs/benchmarks.md'), 'utf8')

/** The first table behind these words: for each row its cells by the heads of the columns, the first cell under ''. */
const tableBehind = (text: string, words: string): Record<string, string>[] => {
  const from = text.indexOf(words)
  if (from < 0) throw new Error(`'${words}' is not there`)
  const lines = /^\|.*(?:\n\|.*)*/m.exec(text.slice(from))?.[0].split('\n') ?? []
  const cells = lines.map(line => line.split('|').slice(1, -1)).map(line => line.map(cell => cell.trim()))
  const [heads = [], , ...rows] = cells
  return rows.map(row => Object.fromEntries(row.map((cell, column) => [heads[column] ?? '', cell])))
}

/** The row whose first cell has these words. */
const rowOf = (table: readonly Record<string, string>[], words: string): Record<string, string> => {
  const row = table.find(candidate => candidate['']?.includes(words))
  if (row === undefined) throw new Error(`no row has '${words}'`)
  return row
}

/** How README names each peer, and words of its name in the benchmark. */
const peers = {
  '`ip` and `iptables` by hand': 'the article’s commands',
  '`ip -batch` and `nft -f`': 'ip -batch and nft -f',
  'Podman (netavark)': 'netavark setup',
  'CNI ptp, portmap, firewall': 'CNI ptp',
}

const comparison = tableBehind(readme, '## Beside others')

test('the times of its comparison are those of the last benchmark', () => {
  const measured = tableBehind(benchmarks, '### From nothing to connected')
  const times = (name: string): string => {
    const times = 1 / Number(rowOf(measured, name)['natspace / it'])
    return times < 1 ? times.toFixed(2) : times.toFixed(1)
  }
  const written = rowOf(comparison, 'from nothing to connected')
  for (const [peer, name] of Object.entries(peers))
    expect(`${peer}: ${written[peer]}`).toBe(`${peer}: ${times(name)}`)
})

test('what its peers leave behind is what the last benchmark found', () => {
  const measured = tableBehind(benchmarks, 'is still there after each tool’s own teardown')
  const found = (name: string): string =>
    (rowOf(measured, name)['left behind'] ?? '')
      .replace(/(\d+) × line of the ruleset/, '$1 lines of ruleset')
      .replace('1 × setting', 'a setting')
  const written = rowOf(comparison, 'left behind')
  for (const [peer, name] of Object.entries({ natspace: 'natspace up', ...peers }))
    expect(`${peer}: ${written[peer]}`).toBe(`${peer}: ${found(name)}`)
})

test('the commands that it shows exist', () => {
  const scripts = [...readme.matchAll(/(?:`|^ {4})npm (?:run )?([a-z]+)/gm)].map(([, script = '']) => script)
  expect(scripts.length).toBeGreaterThan(3)
  expect(scripts.filter(script => !Object.keys(manifest.scripts).includes(script))).toEqual([])
  const shown = [...readme.matchAll(/^ {4}(?:sudo )?dist\/natspace (\S+)/gm)].map(([, name = '']) => name)
  expect(shown.length).toBeGreaterThan(5)
  expect(shown.filter(name => !commandNames.includes(name))).toEqual([])
})

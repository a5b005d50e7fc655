/** Reading and printing of rulesets that others made: what nft(8) lists is the measure, to the letter. */
import { afterEach, beforeEach, describe, expect } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Connection } from '../../src/linux/netlink/connection.ts'
import {
  compile,
  decompile,
  type Family,
  NETLINK_NETFILTER,
  RulesetChangingError,
  readRuleset,
  rulesetText,
  type Statement,
  type Table,
  tableText,
} from '../../src/linux/nftables/index.ts'
import { ip, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const options = { interfaceNames: new Map([[1, 'lo']]) }
const folder = join(import.meta.dirname, '../golden/nftables/foreign')
const nftTest = requireTool('nft')

let connection: Connection
beforeEach(() => {
  connection = Connection.open(NETLINK_NETFILTER)
})
afterEach(() => {
  connection[Symbol.dispose]()
  tryRun('nft', ['flush', 'ruleset'])
})

/** Remaining times differ from one listing to the next. */
const timeless = (text: string): string => text.replace(/expires \w+/g, 'expires')

type Corpus = { family: Family; hook: string; setup: string; rules: string[] }

const readCorpus = (file: string): Corpus => {
  const lines = readFileSync(join(folder, file), 'utf8').trim().split('\n')
  const noted = (word: string) =>
    lines.flatMap(line => (line.startsWith(`# ${word} `) ? [line.slice(word.length + 3)] : []))
  return {
    family: noted('table')[0] as Family,
    hook: noted('chain').join('\n'),
    setup: noted('setup').join('\n'),
    rules: lines.filter(line => !line.startsWith('#')),
  }
}

/** Adds rules as far as this kernel and this nft know them: a refused half is tried in halves. Returns those added. */
const addRules = (family: Family, rules: string[]): string[] => {
  const script = rules.map(rule => `add rule ${family} t c ${rule}\n`).join('')
  if (rules.length === 0 || tryRun('nft', ['-f', '-'], script).status === 0) return rules
  if (rules.length === 1) return []
  const middle = rules.length >> 1
  return [...addRules(family, rules.slice(0, middle)), ...addRules(family, rules.slice(middle))]
}

const readTable = (): Table => {
  const [table, ...more] = readRuleset(connection).tables
  if (table === undefined || more.length > 0) throw new Error('There is not exactly one table')
  return table
}

const plain = (statements: Statement[]): unknown =>
  JSON.parse(JSON.stringify(statements, (_, value) => (typeof value === 'bigint' ? Number(value) : value)))

/** Statements that can be read but not made: what they are made of is written with its neighbours, or has no name. */
const isOneWay = (statement: Statement): boolean =>
  statement.kind === 'raw' ||
  (statement.kind === 'set' &&
    (statement.target.kind === 'rawPayload' ||
      (statement.target.kind === 'payload' && /^(dscp|ecn)$/.test(statement.target.field))))

describe('rules are printed as nft lists them', () => {
  for (const file of readdirSync(folder).filter(name => name.endsWith('.rules')))
    nftTest(file, () => {
      const corpus = readCorpus(file)
      const chain = `chain c { ${corpus.hook}\n}\n`
      run('nft', ['-f', '-'], `table ${corpus.family} t {\n${corpus.setup}\n${chain}}\n`)
      const added = addRules(corpus.family, corpus.rules)
      expect(added.length).toBeGreaterThan(corpus.rules.length * 0.7)
      const table = readTable()
      const listed = run('nft', ['list', 'table', corpus.family, 't'])
      expect(timeless(tableText(table, options)).split('\n')).toEqual(timeless(listed).split('\n'))
      const rules = table.chains.find(({ name }) => name === 'c')?.rules ?? []
      expect(rules.length).toBe(added.length)
      for (const { instructions } of rules) {
        const statements = decompile(instructions, table)
        if (statements.some(isOneWay)) continue
        const again = decompile(compile({ statements }, corpus.family), table)
        // An explicit `meta protocol` that a later statement implies is not printed a second time.
        if (again.length === statements.length) expect(plain(again)).toEqual(plain(statements))
        else expect(plain(statements)).toEqual(expect.arrayContaining(plain(again) as unknown[]))
      }
    })
})

describe('tables are printed as nft lists them', () => {
  for (const file of readdirSync(folder).filter(name => name.endsWith('.nft')))
    nftTest(file, () => {
      if (file === 'tables.nft') ip('link add v0 type veth peer name v1')
      try {
        run('nft', ['-f', join(folder, file)])
        const listed = run('nft', ['list', 'ruleset'])
        expect(timeless(rulesetText(readRuleset(connection), options)).split('\n')).toEqual(
          timeless(listed).split('\n'),
        )
      } finally {
        tryRun('nft', ['flush', 'ruleset'])
        tryRun('ip', ['link', 'delete', 'v0'])
      }
    })
})

const iptablesRules = `
-A INPUT -p tcp --dport 22 -j ACCEPT
-A INPUT -m comment --comment hello -j DROP
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i eth0 -s 10.0.0.0/8 -d 1.2.3.4 -j REJECT
-A INPUT -i eth+ ! -s 10.0.0.0/9 -j LOG --log-prefix x
-A FORWARD -p tcp -m multiport --dports 80,443 -j ACCEPT
-A FORWARD -m addrtype --dst-type LOCAL -j RETURN
-A FORWARD -m mark --mark 0x5/0xff -j ACCEPT
-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A FORWARD -m limit --limit 5/min -j ACCEPT
-A FORWARD -f -j DROP
-A FORWARD ! -i lo -p tcp ! --dport 80:90 -j DROP
-t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE
-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 1.2.3.4:8080
-t mangle -A PREROUTING -j MARK --set-mark 5
-t raw -A PREROUTING -j CT --notrack`

requireTool('nft', 'iptables')('rules of iptables-nft: nothing is guessed, nothing throws', () => {
  const known = iptablesRules
    .trim()
    .split('\n')
    .filter(line => tryRun('iptables', line.split(' ')).status === 0)
  expect(known.length).toBeGreaterThan(5)
  expect(tryRun('iptables', ['-P', 'FORWARD', 'DROP']).status).toBe(0)
  const ruleset = readRuleset(connection)
  const lines = rulesetText(ruleset, options)
    .split('\n')
    .map(line => line.trim())
  const counters = 'counter packets 0 bytes 0'
  for (const expected of [
    `tcp dport 22 ${counters} accept`,
    `xt match "comment" ${counters} drop`,
    `iifname "eth0" ip saddr 10.0.0.0/8 ip daddr 1.2.3.4 ${counters} xt target "REJECT"`,
    `iifname "eth*" ip saddr != 10.0.0.0/9 ${counters} xt target "LOG"`,
    `oifname "eth0" ip saddr 192.168.45.0/24 ${counters} xt target "MASQUERADE"`,
    `tcp dport 80 ${counters} xt target "DNAT"`,
    'type filter hook forward priority filter; policy drop;',
  ])
    expect(lines).toContain(expected)
  const count = ruleset.tables.flatMap(table => table.chains.flatMap(chain => chain.rules)).length
  expect(count).toBe(known.length)
})

describe('what is read', () => {
  nftTest('one table alone, without its elements', () => {
    run(
      'nft',
      ['-f', '-'],
      'table inet a { set s { type mark; elements = { 1, 2 } }\nchain c { accept\n }\n}\ntable ip a { chain x { }\n}\ntable inet b { chain y { }\n}\n',
    )
    const { tables, generation } = readRuleset(connection, { family: 'inet', table: 'a', elements: false })
    expect(tables.map(table => [table.family, table.name])).toEqual([['inet', 'a']])
    expect(tables[0]?.sets.map(set => [set.name, set.elements])).toEqual([['s', []]])
    expect(tables[0]?.chains.map(chain => [chain.name, chain.rules.length])).toEqual([['c', 1]])
    expect(generation).toBeGreaterThan(0)
    expect(readRuleset(connection, { family: 'inet' }).tables.map(table => table.name)).toEqual(['a', 'b'])
  })

  nftTest('a table that does not exist', () => {
    expect(readRuleset(connection, { family: 'inet', table: 'none' }).tables).toEqual([])
  })

  /** A connection in front of whose every dump something else happens. */
  const disturbed = (disturb: () => void): Connection =>
    new Proxy(connection, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        return (...parameters: unknown[]): unknown => {
          if (key === 'dump') disturb()
          return value.apply(target, parameters)
        }
      },
    })

  nftTest('is of one generation, when the ruleset changes meanwhile', () => {
    run('nft', ['-f', '-'], 'table inet a { chain c { accept\n }\n}\n')
    let dumps = 0
    const ruleset = readRuleset(
      disturbed(() => {
        if (++dumps === 2) run('nft', ['add', 'rule', 'inet', 'a', 'c', 'drop'])
      }),
    )
    expect(ruleset).toEqual(readRuleset(connection))
    expect(ruleset.tables[0]?.chains[0]?.rules.length).toBe(2)
  })

  nftTest('is given up when the ruleset changes all the time', () => {
    run('nft', ['-f', '-'], 'table inet a { chain c { accept\n }\n}\n')
    const changing = disturbed(() => run('nft', ['add', 'rule', 'inet', 'a', 'c', 'drop']))
    expect(() => readRuleset(changing)).toThrow(RulesetChangingError)
  })
})

import { prefixContains } from '../../linux/net/prefix.ts'

/**
 * The tables of iptables-legacy, of which the kernel tells nothing in a form of its own: the text of
 * `iptables-legacy -S`, and what becomes of a packet in it. A match that is not understood counts as one that does not
 * apply, so that no verdict is told of which we are not sure.
 */

/** One rule: its words without `-A CHAIN`. */
export type LegacyRule = readonly string[]

export type LegacyTable = {
  policies: ReadonlyMap<string, string>
  /** The rules of every chain, in order. */
  chains: ReadonlyMap<string, LegacyRule[]>
}

/** As iptables quotes words: by double quotes, and a backslash before those inside. */
const word = /"((?:[^"\\]|\\.)*)"|(\S+)/g

const wordsOf = (line: string): string[] =>
  [...line.matchAll(word)].map(([, quoted, plain]) => quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '')

/** Reads what `iptables-legacy -S` prints. */
export const parseLegacyTable = (text: string): LegacyTable => {
  const policies = new Map<string, string>()
  const chains = new Map<string, LegacyRule[]>()
  for (const line of text.split('\n')) {
    const [verb, chain = '', ...words] = wordsOf(line)
    if (verb === '-P') policies.set(chain, words[0] ?? '')
    if (verb === '-P' || verb === '-N') chains.set(chain, [])
    if (verb === '-A') chains.get(chain)?.push(words)
  }
  return { policies, chains }
}

/** What is known of a packet. */
export type LegacyPacket = {
  from?: string
  to?: string
  source?: string
  destination?: string
  state: 'NEW' | 'ESTABLISHED'
  /** The destination was translated: it is addressed to a published port. */
  dnat: boolean
  protocol?: string
  /** That of the destination. */
  port?: number
  /** The destination is an address of this host. */
  toHost?: boolean
}

/** Who drops a packet. `path`: the rules that led there, from the chain FORWARD on; empty when its policy decided. */
export type LegacyDrop = { path: { chain: string; index: number }[] }

/** Who drops a packet in the chain FORWARD; undefined when it is accepted. */
export const legacyDrop = (table: LegacyTable, packet: LegacyPacket): LegacyDrop | undefined => {
  const verdict = walk(table, 'FORWARD', packet, drops)
  if (verdict === 'accept') return undefined
  if (verdict !== 'end') return verdict
  return table.policies.get('FORWARD') === 'DROP' ? { path: [] } : undefined
}

/** Which rule of a table of translations leads a packet elsewhere; undefined when none surely does. */
export const legacyLead = (
  table: LegacyTable,
  chain: 'PREROUTING' | 'OUTPUT',
  packet: LegacyPacket,
): LegacyDrop | undefined => {
  const verdict = walk(table, chain, packet, leads)
  return typeof verdict === 'string' ? undefined : verdict
}

/** Targets that are looked for. */
const drops: ReadonlySet<string> = new Set(['DROP', 'REJECT'])
const leads: ReadonlySet<string> = new Set(['DNAT', 'REDIRECT', 'NETMAP'])

/** Chains cannot loop; deeper than this the kernel takes none (XT_MAX_STACKSIZE and the like are smaller). */
const deepest = 1000

const walk = (
  table: LegacyTable,
  chain: string,
  packet: LegacyPacket,
  wanted: ReadonlySet<string>,
  depth = 0,
): LegacyDrop | 'accept' | 'end' => {
  for (const [index, rule] of (table.chains.get(chain) ?? []).entries()) {
    const target = targetOf(rule, packet)
    if (target === undefined) continue
    const here = { chain, index }
    if (target.name === 'ACCEPT') return 'accept'
    if (wanted.has(target.name)) return { path: [here] }
    if (target.name === 'RETURN') return 'end'
    if (!table.chains.has(target.name) || depth > deepest) continue
    const verdict = walk(table, target.name, packet, wanted, depth + 1)
    if (verdict === 'accept') return verdict
    if (verdict !== 'end') return { path: [here, ...verdict.path] }
    if (target.isGoto) return 'end'
  }
  return 'end'
}

type Target = { name: string; isGoto: boolean }

/** The target of a rule that surely applies. */
const targetOf = (rule: LegacyRule, packet: LegacyPacket): Target | undefined => {
  for (let at = 0; at < rule.length; ) {
    const isInverted = rule[at] === '!'
    if (isInverted) at++
    const option = rule[at] ?? ''
    const value = rule[at + 1] ?? ''
    if (option === '-j' || option === '-g') return { name: value, isGoto: option === '-g' }
    const answer = tests[option]?.(value, packet)
    if (answer === undefined || answer === isInverted) return undefined
    at += 2
  }
  return undefined
}

const linkMatches = (pattern: string, link: string | undefined): boolean | undefined =>
  link === undefined
    ? undefined
    : pattern.endsWith('+')
      ? link.startsWith(pattern.slice(0, -1))
      : link === pattern

const addressMatches = (prefix: string, address: string | undefined): boolean | undefined =>
  address === undefined ? undefined : prefixContains(prefix, address)

const stateMatches = (states: string, { state, dnat }: LegacyPacket): boolean =>
  states.split(',').some(item => item === state || (item === 'DNAT' && dnat))

/** Matches whose options are among the tests, or that only speak. */
const understood = ['comment', 'conntrack', 'state', 'tcp', 'udp', 'sctp', 'addrtype', 'multiport']

/** Whether a port is one of those of `22,80:90`. */
const portMatches = (ports: string, { port }: LegacyPacket): boolean | undefined =>
  port === undefined
    ? undefined
    : ports.split(',').some(item => {
        const [first = '', last = first] = item.split(':')
        return port >= Number(first) && port <= Number(last)
      })

/** The options whose answer may be known for a packet that is described; undefined where it is not. Each takes one word. */
const tests: Record<string, ((value: string, packet: LegacyPacket) => boolean | undefined) | undefined> = {
  '-i': (value, { from }) => linkMatches(value, from),
  '-o': (value, { to }) => linkMatches(value, to),
  '-s': (value, { source }) => addressMatches(value, source),
  '-d': (value, { destination }) => addressMatches(value, destination),
  '-m': value => understood.includes(value) || undefined,
  '-p': (value, { protocol }) => (protocol === undefined ? undefined : value === protocol),
  '--dport': portMatches,
  '--dports': portMatches,
  '--dst-type': (value, { toHost }) => (toHost === undefined ? undefined : (value === 'LOCAL') === toHost),
  '--comment': () => true,
  '--ctstate': stateMatches,
  '--state': stateMatches,
}

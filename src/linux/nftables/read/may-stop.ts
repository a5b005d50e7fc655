import { rawAttributes } from '../../netlink/composite.ts'
import { be32, cstring } from '../../netlink/scalars.ts'
import { verdictCodes } from '../expressions/data.ts'
import type { Chain, RuleState, Table } from './model.ts'

/**
 * Theory of operation. Most tables of others only accept, or translate, and there are hosts where they do it in a thousand
 * rules. Whether a packet can end in a chain at all is told by the verdicts that its rules may give, and these by a few
 * bytes of each rule, without decoding what it asks for. Whatever is not known here may stop a packet.
 */

const never = 'never'
const always = 'may'

/** What one rule can do with a packet: nothing that ends it, end it, or send it to a chain. */
type Effect = typeof never | typeof always | { chain: string }

/** Instructions that ask, count, mark or translate, and leave the packet to the next rule. */
const harmless: ReadonlySet<string> = new Set([
  ...[
    'bitwise',
    'byteorder',
    'cmp',
    'connlimit',
    'counter',
    'ct',
    'exthdr',
    'fib',
    'hash',
    'last',
    'limit',
    'log',
  ],
  ...['masq', 'match', 'meta', 'nat', 'notrack', 'numgen', 'osf', 'payload', 'quota', 'range', 'redir', 'rt'],
  ...['socket', 'xfrm'],
])

/** Verdicts with which the packet goes on. */
const passing: ReadonlySet<number> = new Set([
  verdictCodes.accept,
  verdictCodes.continue,
  verdictCodes.break,
  verdictCodes.return,
])
const following: ReadonlySet<number> = new Set([verdictCodes.jump, verdictCodes.goto])

const told = new WeakMap<Chain, boolean>()

/** Whether a packet may end in a base chain: by its policy, or by a rule that it or a chain behind it has. */
export const mayStop = (table: Table, base: Chain): boolean => {
  const known = told.get(base) ?? look(table, base)
  told.set(base, known)
  return known
}

const look = (table: Table, base: Chain): boolean => {
  if (base.policy === 'drop') return true
  const chains = new Map(table.chains.map(chain => [chain.name, chain]))
  const visited = new Set<string>()
  const pending = [base.name]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (visited.has(name)) continue
    visited.add(name)
    for (const rule of chains.get(name)?.rules ?? []) {
      const effect = effectOf(rule)
      if (effect === always) return true
      if (effect !== never) pending.push(effect.chain)
    }
  }
  return false
}

const effectOf = ({ encoded }: RuleState): Effect => {
  if (encoded === undefined) return always
  let effect: Effect = never
  for (const { from, to } of rawAttributes(encoded, 0, encoded.length)) {
    const [name, data] = rawAttributes(encoded, from, to)
    if (name === undefined) return always
    const text = cstring.decode(encoded, name.from, name.to)
    if (harmless.has(text)) continue
    if (text !== 'immediate' || data === undefined) return always
    const found = effectOfImmediate(encoded, data.from, data.to)
    if (found === always) return always
    if (found !== never) effect = found
  }
  return effect
}

/** NFTA_IMMEDIATE_DREG, NFTA_IMMEDIATE_DATA; NFTA_DATA_VERDICT; NFTA_VERDICT_CODE, NFTA_VERDICT_CHAIN. */
const types = { register: 1, data: 2, verdict: 2, code: 1, chain: 2 } as const

const effectOfImmediate = (bytes: Uint8Array, start: number, end: number): Effect => {
  const register = partOf(bytes, start, end, types.register)
  if (register === undefined) return always
  // Any other register gets a value, and no verdict.
  if (be32.decode(bytes, register.from, register.to) !== 0) return never
  const data = partOf(bytes, start, end, types.data)
  const verdict = data && partOf(bytes, data.from, data.to, types.verdict)
  const code = verdict && partOf(bytes, verdict.from, verdict.to, types.code)
  if (verdict === undefined || code === undefined) return always
  const number = be32.decode(bytes, code.from, code.to) | 0
  if (passing.has(number)) return never
  const chain = partOf(bytes, verdict.from, verdict.to, types.chain)
  if (!following.has(number) || chain === undefined) return always
  return { chain: cstring.decode(bytes, chain.from, chain.to) }
}

const partOf = (bytes: Uint8Array, start: number, end: number, wanted: number) =>
  rawAttributes(bytes, start, end).find(({ type }) => (type & 0x3fff) === wanted)

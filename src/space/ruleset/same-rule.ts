import type { Instruction } from '../../linux/nftables/index.ts'

/**
 * Whether a rule as the kernel gives it back is the rule that was sent. The kernel fills in what was left out, so every
 * attribute that was sent must come back as it was (or be missing, if it was sent as 0), and every other must have the value that leaving it out means.
 */
export const sameRule = (sent: readonly Instruction[], found: readonly Instruction[]): boolean =>
  sent.length === found.length &&
  sent.every((instruction, index) => sameInstruction(instruction, found[index] as Instruction))

const sameInstruction = (sent: Instruction, found: Instruction): boolean => {
  if (sent.name !== found.name || sent.name === 'other' || found.name === 'other') return false
  // A counter's numbers are no part of the rule.
  if (sent.name === 'counter') return true
  const expected = fieldsOf(sent.data)
  const actual = fieldsOf(found.data)
  if (sent.name === 'nat') impliedFlags(expected)
  for (const [key, value] of expected) {
    // The code of a reset, which nft sends as 0, has no meaning and does not come back.
    if (value === 0 && !actual.has(key)) continue
    if (valueText(value) !== valueText(actual.get(key))) return false
  }
  for (const [key, value] of actual)
    if (!expected.has(key) && !isImplied(sent.name, key, value, expected)) return false
  return true
}

const fieldsOf = (data: unknown): Map<string, unknown> =>
  new Map(Object.entries((data ?? {}) as Record<string, unknown>).filter(([, value]) => value !== undefined))

const valueText = (value: unknown): string | undefined =>
  JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return String(item)
    return item instanceof Uint8Array ? Buffer.from(item).toString('hex') : item
  })

/** NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED: which registers a nat expression was given. */
const natRange = { address: 1, port: 2 }

/** The kernel adds what it was given registers for to the flags. */
const impliedFlags = (fields: Map<string, unknown>): void => {
  const implied =
    (fields.has('addressMin') ? natRange.address : 0) | (fields.has('portMin') ? natRange.port : 0)
  if (implied !== 0) fields.set('flags', Number(fields.get('flags') ?? 0) | implied)
}

const isImplied = (name: string, key: string, value: unknown, expected: Map<string, unknown>): boolean => {
  if (name === 'nat' && key === 'addressMax') return value === expected.get('addressMin')
  if (name === 'nat' && key === 'portMax') return value === expected.get('portMin')
  return value === 0 || value === 0n
}

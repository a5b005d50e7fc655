/**
 * Rates as text, as tc(8) writes them: `10mbit`, `1.5gbit`, `500kbit`, `8000bit` are bits per second; `kbps`, `mbps`, …
 * are bytes per second. Prefixes are powers of 1000, with an `i` of 1024; upper and lower case are alike. A number without
 * a unit, which tc(8) takes for bits per second and people for megabits, is refused.
 */

import { badValue, type Site } from './fault.ts'

/** Bits per second. Below, one packet would take longer than people wait; above, no link of this kind gets. */
export const RATE = { least: 8_000, most: 100_000_000_000 } as const

/** The shape of a rate for schemas; bounds are checked by parseRate. */
export const RATE_PATTERN = /^\d{1,15}(\.\d{1,15})?([kKmMgGtT][iI]?)?([bB][iI][tT]|[bB][pP][sS])$/

const POWERS: Record<string, number> = { k: 1, m: 2, g: 3, t: 4 }

const EXAMPLES = "write a number and a unit, such as '10mbit', '1.5gbit' or '500kbit'"

/**
 * Reads a rate as bits per second; what makes no whole byte per second is cut off, as the kernel counts bytes. Throws
 * NatspaceError BAD_RATE for what is no rate, has no unit, or is out of bounds.
 */
export function parseRate(value: string | number, site: Site = { field: 'rate' }): number {
  const text = String(value)
  const refuse = (why: string, fix: string): Error =>
    badValue({ code: 'BAD_RATE', site, value: text, why, fix: [fix] })
  if (/^\d{1,15}(\.\d{1,15})?$/.test(text))
    throw refuse(
      'it has no unit: tc(8) would take it for bits per second, many people for megabits',
      `write '${text}mbit' for megabits per second, or '${text}bit' for bits`,
    )
  if (text.endsWith('%')) throw refuse('a cable between namespaces has no speed to take a share of', EXAMPLES)
  if (!RATE_PATTERN.test(text))
    throw refuse('it is no number with a unit of rates as tc(8) has them', EXAMPLES)
  const bits = bitsOf(text)
  if (bits < RATE.least)
    throw refuse(`it is less than ${formatRate(RATE.least)}`, `write a rate from ${bounds()}`)
  if (bits > RATE.most)
    throw refuse(`it is more than ${formatRate(RATE.most)}`, `write a rate from ${bounds()}`)
  return Number(bits)
}

/** The shortest text without a fraction, in bits: `1500mbit`. The inverse of `parseRate`; tc(8) reads it as the same rate. */
export function formatRate(rate: number): string {
  for (const [unit, size] of UNITS) if (rate !== 0 && rate % size === 0) return `${rate / size}${unit}`
  return `${rate}bit`
}

const UNITS = [
  ['tbit', 1e12],
  ['gbit', 1e9],
  ['mbit', 1e6],
  ['kbit', 1e3],
] as const

const bounds = (): string => `${formatRate(RATE.least)} to ${formatRate(RATE.most)}`

/** Exact: 1.1gbit is 1100000000 bits, which it is not in floating point. */
function bitsOf(text: string): bigint {
  const [, whole = '', fraction = '', prefix = '', unit = ''] =
    /^(\d+)(?:\.(\d+))?([kmgt]i?)?(bit|bps)$/.exec(text.toLowerCase()) ?? []
  const base = prefix.endsWith('i') ? 1024n : 1000n
  const size = base ** BigInt(POWERS[prefix.charAt(0)] ?? 0) * (unit === 'bps' ? 8n : 1n)
  const bits = (BigInt(whole + fraction) * size) / 10n ** BigInt(fraction.length)
  return bits - (bits % 8n)
}

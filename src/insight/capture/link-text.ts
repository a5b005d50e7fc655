import type { Mate } from './linker.ts'

/**
 * A packet's others in words: `same packet as #1 and #2 (before SNAT 10.200.0.2:4000 -> 192.168.1.32:40123)`; undefined where
 * there are none. What stands in parentheses is said of the packets right before it. Printable ASCII. Pure.
 */
export const linkText = (mates: readonly Mate[]): string | undefined => {
  const [first] = mates
  if (first === undefined) return undefined
  let text = `same packet as #${first.number}`
  let last = first.relation
  for (const { number, relation } of mates.slice(1)) {
    if (relation === last) text += ` and #${number}`
    else {
      text += last === '' ? `; #${number}` : ` (${last}); #${number}`
      last = relation
    }
  }
  return last === '' ? text : `${text} (${last})`
}

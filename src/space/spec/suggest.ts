/** "Did you mean": the known word nearest to a mistyped one. */

/**
 * The candidate with the fewest edits to `word`, or undefined if none is near: at most a third of its letters may
 * differ. Case, `_` and `-` do not count, so `host_interface` finds `hostInterface`.
 */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 40) return undefined
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = editDistance(plain(word), plain(candidate))
    if (distance > Math.max(1, Math.floor(candidate.length / 3))) continue
    if (best === undefined || distance < best.distance) best = { candidate, distance }
  }
  return best?.candidate
}

const plain = (word: string): string => word.toLowerCase().replace(/[_-]/g, '')

/** Levenshtein distance: the least number of letters to insert, delete or replace. */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

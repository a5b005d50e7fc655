/**
 * How two snapshots of lines `kind: text` differ, in words: `3 × file, 1 × setting` are there now and were not, and
 * `1 × route gone` was. `nothing` when they are equal. A line that changed counts once, as new.
 */
export function leftBehind(before: readonly string[], after: readonly string[]): string {
  const added = countKinds(after.filter(line => !before.includes(line)))
  const gone = countKinds(before.filter(line => !after.includes(line)))
  const parts = [...added].map(([kind, count]) => `${count} × ${kind}`)
  for (const [kind, count] of gone) {
    const lost = count - (added.get(kind) ?? 0)
    if (lost > 0) parts.push(`${lost} × ${kind} gone`)
  }
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}

function countKinds(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const line of lines) {
    const kind = line.slice(0, line.indexOf(':'))
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

/** The few figures that a benchmark is told in. */

/** The middle value, or the mean of the two in the middle. Throws on an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  if (upper === undefined || lower === undefined) throw new RangeError('No values to take the median of')
  return (lower + upper) / 2
}

/**
 * The median of `ours[i] / theirs[i]`: both values of a pair come from the same round, so that whatever slowed the
 * machine then slowed both. Throws when the lists differ in length or are empty.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length)
    throw new RangeError(`Unpaired: ${ours.length} values against ${theirs.length}`)
  return median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)))
}

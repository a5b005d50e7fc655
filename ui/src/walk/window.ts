/**
 * Which rows of a long list are in sight. Only those are drawn, so that a list that changes with every picture costs the
 * same whether it has ten rows or ten thousand.
 */

export type ListWindow = { first: number; count: number; above: number; height: number }

/** The rows in sight and a few around them; `above` and `height` in pixels are the place of the first and of the whole. Pure. */
export const windowOf = (
  rows: number,
  scrolled: number,
  { rowHeight, viewHeight, around = 3 }: { rowHeight: number; viewHeight: number; around?: number },
): ListWindow => {
  const top = Math.min(Math.max(0, scrolled), Math.max(0, rows * rowHeight - viewHeight))
  const first = Math.max(0, Math.floor(top / rowHeight) - around)
  const last = Math.min(rows, Math.ceil((top + viewHeight) / rowHeight) + around)
  return { first, count: Math.max(0, last - first), above: first * rowHeight, height: rows * rowHeight }
}

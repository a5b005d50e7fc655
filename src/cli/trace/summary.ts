import type { Tally } from './tally.ts'

/** What was not told of the flows that were followed. */
export type Untold = { open: number; skipped: number; leftOut: number }

/** That events were missed. */
export const lostText = (place: 'inside' | 'host'): string =>
  `natspace: events of ${place === 'host' ? 'this host' : 'the space'} were lost, as they came too fast: something may be missing`

/** The last line of --json. */
export const summaryObject = (tally: Tally, { open, skipped, leftOut }: Untold): object => ({
  type: 'summary',
  ...tally.object,
  open,
  skipped,
  leftOut,
})

/** How the flows ended, and what was not told of them. */
export const summaryLines = (tally: Tally, { open, skipped, leftOut }: Untold): string[] => [
  tally.text,
  ...(open > 0 ? [`  ${open} ${open === 1 ? 'was' : 'were'} not over yet`] : []),
  ...(skipped > 0 ? [`  ${skipped} were not followed, as too many were at once`] : []),
  ...(leftOut > 0 ? [`  about ${leftOut} packets were not looked at: too many`] : []),
]

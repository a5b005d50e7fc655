import type { Kernel } from '../linux/kernel.ts'
import { type Proof, prove } from './proof.ts'
import { differences, type Snapshot, snapshotKinds, takeSnapshot } from './snapshot.ts'

/** The kernel clears away links and namespaces after it has answered; this long after it nothing may be left. */
const patience = 1000
const pause = 20
/** Differences that are shown; the first ones tell what was forgotten. */
const shown = 5

/** Takes a picture that no longer changes: two in a row that are equal, or the last one before patience ends. */
export const takeSettledSnapshot = async (kernel: Kernel, goal?: Snapshot): Promise<Snapshot> => {
  const end = performance.now() + patience
  let before = goal
  for (;;) {
    const snapshot = takeSnapshot(kernel)
    if (performance.now() > end || (before !== undefined && isEqual(before, snapshot))) return snapshot
    before = goal ?? snapshot
    await new Promise(resolve => setTimeout(resolve, pause))
  }
}

const isEqual = (one: Snapshot, other: Snapshot): boolean =>
  snapshotKinds.every(kind => differences(one[kind], other[kind]).length === 0)

/** One proof for each kind of thing: it is after `down` as it was before `up`. */
export const proveNothingLeft = (before: Snapshot, after: Snapshot): Proof[] =>
  snapshotKinds.map(kind => {
    const expected = `the same ${before[kind].length} as before up`
    return prove(`nothing is left: ${kind}`, expected, () => {
      const changes = differences(before[kind], after[kind])
      const more = changes.length > shown ? [`and ${changes.length - shown} more`] : []
      const ok = changes.length === 0
      return { ok, seen: ok ? expected : [...changes.slice(0, shown), ...more].join('\n') }
    })
  })

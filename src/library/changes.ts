import { LinuxKernel } from '../linux/linux.ts'
import { capability } from '../linux/sys/process.ts'
import { requireCapabilities } from '../space/privilege.ts'
import { KernelSigns } from '../space/watch/kernel-signs.ts'
import type { WatchReport } from '../space/watch/report.ts'
import { watch } from '../space/watch/watch.ts'
import { checkedNames, checkedPaths, checkedSignal } from './arguments.ts'
import { pause } from './pause.ts'
import { libraryFix, refusalOf, type Surroundings } from './surroundings.ts'

/** What `changes` tells of, and whether it repairs. */
export type ChangesOptions = Pick<Surroundings, 'state'> & {
  /** Only these spaces; by itself all, those too that come later. */
  names?: string | readonly string[]
  /** Whether what differs is repaired too, as `natspace watch` does it. By itself it is only told. */
  repair?: boolean
  /** Ends it: the report `end` is the last one, and nothing is thrown. */
  signal?: AbortSignal
}

/** How soon signs of the kernel are looked at, in milliseconds: this process has other things to do meanwhile. */
const pollEvery = 20

/**
 * Everything that happens to spaces, as it happens: first a snapshot, then events, and `lost` where the kernel told more than
 * could be read. Ends when the loop is left, or by the signal; nothing is open afterwards. Throws NatspaceError NOT_PERMITTED,
 * TypeError, and what ends a watch. Equivalent to: `natspace watch --dry-run --json`
 */
export async function* changes(options: ChangesOptions = {}): AsyncGenerator<WatchReport, void, undefined> {
  const { state, names, repair = false } = options
  const paths = checkedPaths(state)
  const only = names === undefined ? undefined : new Set(checkedNames(names))
  const signal = checkedSignal(options.signal)
  requireCapabilities('cannot watch spaces', [capability.netBroadcast], libraryFix)
  const reports: WatchReport[] = []
  let isOver = false
  let wake: () => void = () => undefined
  using source = openSigns()
  const watching = watch({
    paths,
    openKernel: () => new LinuxKernel(),
    source,
    names: only,
    dryRun: !repair,
    report: report => {
      reports.push(report)
      wake()
    },
    shouldEnd: () => isOver || signal?.aborted === true,
    wait: (_, milliseconds) => pause(Math.min(milliseconds, pollEvery), signal),
  }).catch((error: unknown) => {
    throw refusalOf(error)
  })
  const ended = watching.then(
    () => {
      isOver = true
      wake()
    },
    () => wake(),
  )
  try {
    while (!isOver || reports.length > 0) {
      yield* reports.splice(0)
      if (isOver || reports.length > 0) continue
      await Promise.race([
        new Promise<void>(resolve => {
          wake = resolve
        }),
        watching,
      ])
    }
  } finally {
    isOver = true
    await ended
  }
}

const openSigns = (): KernelSigns => {
  try {
    return KernelSigns.open()
  } catch (error) {
    throw refusalOf(error)
  }
}

import { randomInt } from 'node:crypto'
import { LinuxKernel } from '../linux/linux.ts'
import { down as downSpaces } from '../space/reconcile/down.ts'
import { gc as collect, type GcResult } from '../space/reconcile/gc.ts'
import { notFound, status as statusOf } from '../space/reconcile/status.ts'
import type { DownResult, Plan, SpaceStatus } from '../space/reconcile/types.ts'
import { planUp, up as upSpaces } from '../space/reconcile/up.ts'
import type { RawSpec } from '../space/spec/types.ts'
import { validateSpec } from '../space/spec/validate.ts'
import { readSpaceRecord, recordedNames, statePaths } from '../space/state/records.ts'
import { KernelSigns } from '../space/watch/kernel-signs.ts'
import type { WatchReport } from '../space/watch/report.ts'
import { watch } from '../space/watch/watch.ts'
import { Space } from './space.ts'
import { lockOptions, type Surroundings, withContext } from './surroundings.ts'

/** A space as a spec file writes it, with its name. */
export type SpaceOptions = RawSpec & {
  /** Default: `ns-` and six letters and digits of its own. */
  name?: string
}

const specOf = ({ name = randomName(), ...raw }: SpaceOptions) => validateSpec(name, raw)

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

const randomName = (): string =>
  `ns-${Array.from({ length: 6 }, () => letters[randomInt(letters.length)]).join('')}`

/**
 * Brings a space up, whole or not at all; one that is right already is left as it is. Throws NatspaceError.
 * Equivalent to: `natspace up NAME …`
 */
export const up = async (options: SpaceOptions = {}, surroundings: Surroundings = {}): Promise<Space> => {
  const [space] = await upAll([options], surroundings)
  if (space === undefined) throw new Error('one spec gave no space')
  return space
}

/** Brings spaces up, all or none, faster than one after the other. Throws NatspaceError. Equivalent to: `natspace up -f FILE` */
export const upAll = async (
  options: readonly SpaceOptions[],
  surroundings: Surroundings = {},
): Promise<Space[]> => {
  const specs = options.map(specOf)
  const { plan } = await withContext(surroundings, context =>
    upSpaces(context, specs, lockOptions(surroundings)),
  )
  return plan.spaces.map(space => new Space(space, surroundings))
}

/** A space that is up already, whoever brought it up. Throws NatspaceError NOT_FOUND. */
export const open = (name: string, surroundings: Surroundings = {}): Promise<Space> =>
  withContext(surroundings, ({ kernel, paths }) => {
    const record = readSpaceRecord(kernel, paths, name)
    if (record === undefined) throw notFound(name, recordedNames(kernel, paths))
    return new Space(record.space, surroundings)
  })

/** The names of the spaces that are up. Equivalent to: `natspace ls`, its first column */
export const list = (surroundings: Surroundings = {}): Promise<string[]> =>
  withContext(surroundings, ({ kernel, paths }) => recordedNames(kernel, paths))

/**
 * Takes spaces down, from any state they are in, and goes on after a failure: `problems` of the result are what could not be
 * removed. Equivalent to: `natspace down NAME…`
 */
export const down = (
  names: string | readonly string[],
  surroundings: Surroundings = {},
): Promise<DownResult> =>
  withContext(surroundings, context => downSpaces(context, [names].flat(), lockOptions(surroundings)))

/** What `up` would do, as data; changes nothing. Throws NatspaceError. Equivalent to: `natspace plan NAME … --json` */
export const plan = (
  options: SpaceOptions | readonly SpaceOptions[],
  surroundings: Surroundings = {},
): Promise<Plan> => {
  const specs = [options].flat().map(item => specOf(item as SpaceOptions))
  return withContext(surroundings, context => planUp(context, specs))
}

/** All spaces, or those named, as they are now. Throws NatspaceError NOT_FOUND. Equivalent to: `natspace status --json` */
export const status = (names?: readonly string[], surroundings: Surroundings = {}): Promise<SpaceStatus[]> =>
  withContext(surroundings, context => statusOf(context, names))

/** Removes what is left of spaces that nobody knows any more. Equivalent to: `natspace gc` */
export const gc = (surroundings: Surroundings = {}): Promise<GcResult> =>
  withContext(surroundings, context => collect(context, lockOptions(surroundings)))

/** What `changes` tells of, and whether it repairs. */
export type ChangesOptions = Pick<Surroundings, 'state'> & {
  /** Only these spaces; by itself all, those too that come later. */
  names?: readonly string[]
  /** Whether what differs is repaired too, as `natspace watch` does it. By itself it is only told. */
  repair?: boolean
  /** Ends it. */
  signal?: AbortSignal
}

/** How soon signs of the kernel are looked at, in milliseconds: this process has other things to do meanwhile. */
const pollEvery = 20

/**
 * Everything that happens to spaces, as it happens: first a snapshot, then events, and `lost` where the kernel told more than
 * could be read. Ends when the loop is left, or by the signal. Throws SystemError (EPERM without CAP_NET_ADMIN).
 * Equivalent to: `natspace watch --dry-run --json`
 */
export async function* changes(options: ChangesOptions = {}): AsyncGenerator<WatchReport, void, undefined> {
  const { state, names, repair = false, signal } = options
  const reports: WatchReport[] = []
  let isOver = false
  let wake: () => void = () => undefined
  using source = KernelSigns.open()
  const watching = watch({
    paths: statePaths(state ?? process.env.NATSPACE_STATE),
    openKernel: () => new LinuxKernel(),
    source,
    names: names && new Set(names),
    dryRun: !repair,
    report: report => {
      reports.push(report)
      wake()
    },
    shouldEnd: () => isOver || signal?.aborted === true,
    wait: (_, milliseconds) => pause(Math.min(milliseconds, pollEvery)),
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

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, milliseconds)
  })

/** `npm run bench -- podman`: what a network adds to the start and the end of a container. */
import { peakOf } from './lib/compiler.ts'
import { interleave, type Task } from './lib/interleave.ts'
import { leftBehind } from './lib/left-behind.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import type { Report, Table } from './lib/report.ts'
import { restore, snapshot } from './lib/sandbox.ts'
import { median, pairedRatio } from './lib/statistics.ts'
import { missingCommand, versionOf } from './peers/contender.ts'
import {
  podmanVersions,
  preparePodman,
  proveAnswered,
  type Runner,
  removeBridges,
  runners,
} from './peers/podman.ts'

const method = (warmUps: number, rounds: number): string[] => [
  'Podman starts a container whose files are busybox alone, with port 8080 of the host published, and returns as soon as it',
  'runs; then it removes the container. It does so with each of the networks that it can have, its own defaults where there',
  'are any, and with none: what it takes beyond that is the network’s. The last row does without a container: a space, and a',
  'program of busybox in it. Podman, conmon and crun are Debian’s, unpacked beside the sources; the container has no control',
  'group. They take turns in one sandbox, and after each there are neither rules nor bridges. Before the first round the port',
  `of each has answered. Figures are medians of ${rounds} rounds after ${warmUps} to warm up, differences and ratios of one round.`,
]

type Trial = { readonly left: string; readonly peak: number | undefined }

const clean = (): void => {
  removeBridges()
  restore()
}

/** One of them beforehand: shows that it works, and what it leaves. */
function trial(runner: Runner): Trial {
  const before = snapshot()
  const peak = peakOf(runner.start)
  if (runner.isAlone !== true) proveAnswered(runner)
  runner.stop()
  // The kernel ends the namespace of the container later, and its cable with it.
  Bun.sleepSync(200)
  const left = leftBehind(before, snapshot())
  clean()
  return { left, peak }
}

const tasksOf = (runner: Runner): Task[] => [
  { name: `${runner.name} start`, timed: runner.start },
  { name: `${runner.name} stop`, timed: runner.stop, after: clean },
]

type Row = {
  readonly name: string
  readonly what: string
  readonly median: number
  readonly min: number
  readonly max: number
  /** Milliseconds more than Podman takes without a network. */
  readonly network?: number
  /** What natspace adds to Podman as a part of what this network does. */
  readonly ratio?: number
}

function rowsOf(
  moment: 'start' | 'stop',
  present: readonly Runner[],
  times: ReadonlyMap<string, readonly number[]>,
): Row[] {
  const of = (name: string): readonly number[] => times.get(`${name} ${moment}`) ?? []
  const bare = of('none')
  const added = (name: string): number[] =>
    of(name).map((value, round) => value - (bare[round] ?? Number.NaN))
  return present.map(({ name, what, isAlone }) => {
    const own = of(name)
    const row = { name, what, median: median(own), min: Math.min(...own), max: Math.max(...own) }
    if (isAlone === true || bare.length === 0) return row
    const network = median(added(name))
    return name === 'natspace'
      ? { ...row, network }
      : { ...row, network, ratio: pairedRatio(added('natspace'), added(name)) }
  })
}

const tableOf = (title: string, rows: readonly Row[]): Table => ({
  title,
  head: ['', 'median ms', 'min', 'max', 'of that the network', 'natspace’s / it'],
  rows: rows.map(({ what, median, min, max, network, ratio }) => [
    what,
    ...[median, min, max].map(value => value.toFixed(1)),
    network?.toFixed(1) ?? '',
    ratio?.toFixed(2) ?? '',
  ]),
})

/** Runs the benchmark. Throws a BenchFailure when a program that is there fails. */
export async function podman({ program, warmUps, rounds, progress }: BenchOptions): Promise<Report> {
  const all = missingCommand(program) === undefined ? runners(program) : []
  const present = all.filter(({ missing }) => missing() === undefined)
  if (present.length > 0) preparePodman(program)
  // The first of all makes folders of Podman's own.
  present[0]?.start()
  present[0]?.stop()
  const trials = new Map<string, Trial>()
  for (const runner of present) {
    progress(`podman: trial of ${runner.what}`)
    trials.set(runner.name, trial(runner))
  }
  const times = interleave(present.flatMap(tasksOf), { warmUps, rounds }, (round, of) =>
    progress(`podman: round ${round} of ${of}`),
  )
  const start = rowsOf('start', present, times)
  const stop = rowsOf('stop', present, times)
  const unable = missingCommand(program)
  return {
    name: 'podman',
    title: 'A container of Podman, and its network',
    method: method(warmUps, rounds),
    machine: describeMachine(present.length === 0 ? {} : { ...versionOf(program), ...podmanVersions() }),
    tables:
      present.length === 0
        ? []
        : [
            tableOf('Until it runs', start),
            tableOf('Until it is gone', stop),
            {
              title:
                'The most memory of any process that took part in the start, and what is still there at the end',
              head: ['', 'peak MiB', 'left behind'],
              rows: present.map(({ name, what }) => {
                const { left = '', peak } = trials.get(name) ?? {}
                return [what, peak?.toFixed(1) ?? '', left]
              }),
            },
          ],
    missing: [
      ...(unable === undefined ? [] : [`natspace: ${unable}`]),
      ...all.flatMap(({ what, missing }) => {
        const reason = missing()
        return reason === undefined ? [] : [`${what}: ${reason}`]
      }),
    ],
    data: { warmUps, rounds, start, stop, trials: Object.fromEntries(trials) },
  }
}

/** `npm run bench -- follow`: how much slower traffic is while somebody watches it. */
import { missingCompiler } from './lib/compiler.ts'
import { type Host, inNamespace, makeHost, removeHost } from './lib/host.ts'
import { interleave } from './lib/interleave.ts'
import { compileLoad, connectionsCommand, streamCommand } from './lib/load.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { BenchFailure, timed } from './lib/process.ts'
import type { Report, Table } from './lib/report.ts'
import { median, pairedRatio } from './lib/statistics.ts'
import { watched } from './lib/watch.ts'
import { articleSpace } from './peers/natspace.ts'
import { natspaceCapture, natspaceFollow, natspaceState, tcpdumps, type Watcher } from './peers/watchers.ts'

const port = 7000
const streamMilliseconds = 500
const connectionsPerRound = 2000

const nobody: Watcher = {
  name: 'nobody',
  what: 'nobody watches',
  missing: () => undefined,
  watch: () => ({ commands: [], ready: '' }),
  count: () => ({ captured: 0, lost: 0 }),
  versions: () => ({}),
}

const watchers: readonly Watcher[] = [nobody, natspaceFollow, natspaceCapture, tcpdumps]

/** What is measured of the traffic, from what the load prints. */
type Kind = {
  readonly title: string
  readonly unit: string
  readonly command: (ends: { client: string; server: string; address: string }) => string[]
  readonly figure: (printed: number) => number
}

const stream: Kind = {
  title: 'One TCP stream',
  unit: 'Gbit/s',
  command: ends => streamCommand(ends, port, streamMilliseconds),
  figure: bytes => (bytes * 8) / 1e9,
}

const connections: Kind = {
  title: 'A new TCP connection',
  unit: 'µs',
  command: ends => connectionsCommand(ends, port, connectionsPerRound),
  figure: nanoseconds => nanoseconds / 1000,
}

const method = (warmUps: number, rounds: number): string[] => [
  'From the space of the reference experiment, through its NAT, to its neighbour: one TCP stream with an end on each',
  `processor, for ${streamMilliseconds} ms; and ${connectionsPerRound.toLocaleString('en-US')} new connections, one after another as fast as they go, of which the median is told.`,
  'Meanwhile the packets are watched in the space, at its cable and at the uplink. natspace trace --follow is told by the',
  'kernel which rules the packets that open a connection pass, and says so when they come faster than it can listen, as',
  'these connections do; natspace capture and three tcpdumps write 128 bytes of every packet. On two processors whatever',
  'they do is taken from the stream. They take turns; figures are medians of',
  `${rounds} rounds after ${warmUps} to warm up, a ratio is the median of the ratios within each round.`,
]

/** Runs the benchmark. Throws a BenchFailure when a program that is there fails. */
export async function follow({ program, warmUps, rounds, progress }: BenchOptions): Promise<Report> {
  const compiler = missingCompiler()
  const unable = natspaceCapture.missing(program)
  // Without natspace there is no space to watch.
  const present =
    compiler === undefined && unable === undefined
      ? watchers.filter(({ missing }) => missing(program) === undefined)
      : []
  const figures = present.length === 0 ? undefined : measure()

  function measure() {
    compileLoad()
    const host = makeHost('follow')
    timed({
      run: inNamespace(host.host, program, 'up', host.space, ...articleSpace),
      environment: { NATSPACE_STATE: natspaceState },
    })
    const run = (kind: Kind) =>
      interleave(
        present.map(watcher => ({
          name: watcher.name,
          timed: () => once(watcher, kind, program, host),
        })),
        { warmUps, rounds },
        (round, of) => progress(`follow, ${kind.title}: round ${round} of ${of}`),
      )
    const found = { stream: run(stream), connections: run(connections) }
    removeHost(host)
    return found
  }

  return {
    name: 'follow',
    title: 'Traffic that is watched',
    method: method(warmUps, rounds),
    machine: describeMachine(Object.assign({}, ...present.map(({ versions }) => versions(program)))),
    tables:
      figures === undefined
        ? []
        : [tableOf(stream, present, figures.stream), tableOf(connections, present, figures.connections)],
    missing: [
      ...(compiler === undefined ? [] : [`follow: ${compiler}`]),
      ...watchers.flatMap(({ name, missing }) => {
        const why = missing(program)
        return why === undefined ? [] : [`${name}: ${why}`]
      }),
    ],
    data: {
      warmUps,
      rounds,
      stream: Object.fromEntries(figures?.stream ?? []),
      connections: Object.fromEntries(figures?.connections ?? []),
    },
  }
}

function once(watcher: Watcher, kind: Kind, program: string, host: Host): number {
  const ends = { client: host.space, server: host.outside, address: '192.168.1.1' }
  const watch = watcher.watch(program, host, 3, ['tcp', 'and', 'port', String(port)])
  const { traffic, said } = watched(watch, kind.command(ends))
  const { captured, lost } = watcher.count(said)
  if (watch.commands.length > 0 && captured + lost === 0)
    throw new BenchFailure(`it has seen nothing of the traffic:\n${said}`)
  return kind.figure(Number(traffic))
}

function tableOf(
  { title, unit }: Kind,
  present: readonly Watcher[],
  figures: ReadonlyMap<string, readonly number[]>,
): Table {
  const [unwatched, ours] = [figures.get('nobody') ?? [], figures.get('follow') ?? []]
  const rows = present.map(({ name, what }) => {
    const own = figures.get(name) ?? []
    return [
      what,
      ...[median(own), Math.min(...own), Math.max(...own)].map(value => value.toFixed(2)),
      name === 'nobody' ? '' : pairedRatio(own, unwatched).toFixed(2),
      name === 'follow' ? '' : pairedRatio(ours, own).toFixed(2),
    ]
  })
  return { title, head: ['', `median ${unit}`, 'min', 'max', 'to nobody', 'trace --follow / it'], rows }
}

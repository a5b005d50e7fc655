/** `npm run bench -- throughput`: what a space's packets cost on their way out, beside the article's own rules. */
import { join } from 'node:path'
import { budgets } from './lib/budgets.ts'
import { missingCompiler } from './lib/compiler.ts'
import { type Host, inNamespace, makeHost, makeRoutedSpace, removeHost } from './lib/host.ts'
import { interleave } from './lib/interleave.ts'
import { compileLoad, packetMicroseconds, pieceMicroseconds, streamGigabits } from './lib/load.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { ask, timed } from './lib/process.ts'
import type { Report, Table } from './lib/report.ts'
import { median, pairedRatio } from './lib/statistics.ts'
import { missingCommand, missingPrograms, versionOf } from './peers/contender.ts'
import { articleSpace } from './peers/natspace.ts'

const budget = budgets.stream.limit

/** A stream is at the mercy of whatever else runs: many short ones, side by side, are worth more than a few long ones. */
const streamMilliseconds = 200
const streamsPerRound = 5
const piecesPerRound = 10_000
const packetsPerRound = 20_000

type Arrangement = {
  readonly name: string
  readonly what: string
  readonly missing: (program: string) => string | undefined
  readonly make: (program: string) => Host
}

const arrangements: readonly Arrangement[] = [
  {
    name: 'natspace',
    what: 'natspace up',
    missing: missingCommand,
    make(program) {
      const host = makeHost('natspace')
      const run = inNamespace(host.host, program, 'up', host.space, ...articleSpace)
      timed({ run, environment: { NATSPACE_STATE: '/run/tmp/state-throughput' } })
      return host
    },
  },
  {
    name: 'shell',
    what: 'the article’s commands',
    missing: () => missingPrograms('iptables', ['iptables']),
    make() {
      const host = makeHost('shell', 'myspace')
      ask(...inNamespace(host.host, 'sh', join(import.meta.dirname, 'peers/article.sh')))
      return host
    },
  },
  {
    name: 'routed',
    what: 'no firewall and no NAT: routed',
    missing: () => undefined,
    make() {
      const host = makeHost('routed')
      makeRoutedSpace(host)
      return host
    },
  },
]

const spelled = (count: number): string => count.toLocaleString('en-US')

const method = (warmUps: number, rounds: number): string[] => [
  'A host for each row, all of them there at once, with the space of the reference experiment: packets go from the',
  `space by way of the host to its neighbour. The stream is one TCP connection for ${streamMilliseconds} ms with an end on each`,
  'processor, as a program would use it. The other two show what the way alone costs: both ends are one process, nobody has',
  `to be woken. The kernel carries 64 kB of a stream in one piece (a round is the median of ${spelled(piecesPerRound)}); a packet is a`,
  `datagram of 64 bytes of a flow that was answered (the median of ${spelled(packetsPerRound)}). natspace's way is longer, as it holds each packet to`,
  'the policy of the space, and the article’s rules hold it to nothing. The rows take turns; figures are medians of',
  `${rounds} rounds (${rounds * streamsPerRound} streams) after ${warmUps} to warm up, a ratio is the median of the ratios within each round.`,
]

/** Runs the benchmark. Throws a BenchFailure when a program that is there fails. */
export async function throughput({ program, warmUps, rounds, progress }: BenchOptions): Promise<Report> {
  const compiler = missingCompiler()
  const present =
    compiler === undefined ? arrangements.filter(item => item.missing(program) === undefined) : []
  if (present.length > 0) compileLoad()
  const hosts = present.map(({ name, make }) => ({ name, host: make(program) }))
  const tasks = (measure: (ends: { client: string; server: string; address: string }) => number) =>
    hosts.map(({ name, host }) => ({
      name,
      timed: () => measure({ client: host.space, server: host.outside, address: '192.168.1.1' }),
    }))
  const told = (what: string) => (round: number, of: number) => progress(`${what}: round ${round} of ${of}`)
  const streams = interleave(
    tasks(ends => streamGigabits(ends, 7000, streamMilliseconds)),
    { warmUps, rounds: rounds * streamsPerRound },
    told('stream'),
  )
  const pieces = interleave(
    tasks(ends => pieceMicroseconds(ends, 7000, piecesPerRound)),
    { warmUps, rounds },
    told('pieces'),
  )
  const packets = interleave(
    tasks(ends => packetMicroseconds(ends, 7000, packetsPerRound)),
    { warmUps, rounds },
    told('packets'),
  )
  for (const { host } of hosts) removeHost(host)
  const ratios = { stream: ratioOf(streams), piece: ratioOf(pieces), packet: ratioOf(packets) }
  return {
    name: 'throughput',
    title: 'Throughput of a space, outbound',
    method: method(warmUps, rounds),
    machine: describeMachine(hosts.length === 0 ? {} : versions(program, present)),
    tables:
      hosts.length === 0
        ? []
        : [
            tableOf('One TCP stream', 'Gbit/s', streams, present, budget),
            tableOf('64 kB of a stream, the way alone', 'µs', pieces, present),
            tableOf('One packet of a flow, the way alone', 'µs', packets, present),
          ],
    missing: [
      ...(compiler === undefined ? [] : [`throughput: ${compiler}`]),
      ...arrangements.flatMap(({ name, missing }) => {
        const why = missing(program)
        return why === undefined ? [] : [`${name}: ${why}`]
      }),
    ],
    measures: ratios.stream === undefined ? {} : { stream: ratios.stream },
    data: {
      warmUps,
      rounds,
      budget,
      ratios,
      stream: Object.fromEntries(streams),
      pieces: Object.fromEntries(pieces),
      packets: Object.fromEntries(packets),
    },
  }
}

const versions = (program: string, present: readonly Arrangement[]): Record<string, string> => {
  const names = present.map(({ name }) => name)
  return {
    ...(names.includes('natspace') ? versionOf(program) : {}),
    ...(names.includes('shell') ? { iptables: ask('iptables', '-V').replace('iptables v', '') } : {}),
  }
}

/** natspace's figure in relation to that of the article's commands, where both were measured. */
const ratioOf = (figures: ReadonlyMap<string, readonly number[]>): number | undefined => {
  const [ours, theirs] = [figures.get('natspace'), figures.get('shell')]
  return ours === undefined || theirs === undefined ? undefined : pairedRatio(ours, theirs)
}

function tableOf(
  title: string,
  unit: string,
  figures: ReadonlyMap<string, readonly number[]>,
  present: readonly Arrangement[],
  least?: number,
): Table {
  const ours = figures.get('natspace')
  const rows = present.map(({ name, what }) => {
    const own = figures.get(name) ?? []
    const ratio = ours === undefined || name === 'natspace' ? undefined : pairedRatio(ours, own)
    const isJudged = least !== undefined && name === 'shell' && ratio !== undefined
    return [
      what,
      ...[median(own), Math.min(...own), Math.max(...own)].map(value => value.toFixed(2)),
      ratio?.toFixed(2) ?? '',
      ...(least === undefined
        ? []
        : [isJudged ? least.toFixed(2) : '', isJudged ? (ratio >= least ? 'yes' : 'NO') : '']),
    ]
  })
  const head = ['', `median ${unit}`, 'min', 'max', 'natspace / it']
  return { title, head: least === undefined ? head : [...head, 'at least', 'met'], rows }
}

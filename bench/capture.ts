/** `npm run bench -- capture`: many small packets at four points at once, what is lost of them, and what it costs. */
import { budgets, type Measures } from './lib/budgets.ts'
import { missingCompiler } from './lib/compiler.ts'
import { type Host, inNamespace, makeHost, removeHost } from './lib/host.ts'
import { interleave } from './lib/interleave.ts'
import { compileLoad, datagramsCommand } from './lib/load.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { ask, BenchFailure, timed } from './lib/process.ts'
import type { Report, Table } from './lib/report.ts'
import { median, pairedRatio } from './lib/statistics.ts'
import { watched } from './lib/watch.ts'
import { articleSpace } from './peers/natspace.ts'
import { natspaceCapture, natspaceState, tcpdumps, type Watcher } from './peers/watchers.ts'

const perSecond = 50_000
const milliseconds = 4000
const port = 7000
const points = 4

const budget = budgets.lost.limit

const watchers: readonly Watcher[] = [natspaceCapture, tcpdumps]

type Round = { readonly sent: number; readonly captured: number; readonly lost: number }

const spelled = (count: number): string => count.toLocaleString('en-US')

const method = (warmUps: number, rounds: number): string[] => [
  `From the space of the reference experiment ${spelled(perSecond)} datagrams of 18 bytes a second go to its neighbour, for`,
  `${milliseconds / 1000} seconds, and are captured at four points: both ends of the cable, the uplink, and the neighbour's interface. That is`,
  `${spelled(perSecond * points)} packets a second to be kept. natspace is one process, which puts all of them in order into one file,`,
  'and links each packet to its three others, over NAT, by a comment; a tcpdump writes what it sees at one point. Both keep',
  '128 bytes of a packet, and are left with their usual buffers. Lost is what they say the kernel had to drop; whatever is',
  'neither there nor said to be lost would be a failure of the benchmark. The processor time is that of all their threads,',
  `in percent of one processor. They take turns; figures are medians of ${rounds} rounds after ${warmUps} to warm up.`,
]

/** Runs the benchmark. Throws a BenchFailure when a program that is there fails, or packets vanish unsaid. */
export async function capture({ program, warmUps, rounds, progress }: BenchOptions): Promise<Report> {
  const compiler = missingCompiler()
  const unable = natspaceCapture.missing(program)
  // Without natspace there is no space to capture at.
  const present =
    compiler === undefined && unable === undefined
      ? watchers.filter(({ missing }) => missing(program) === undefined)
      : []
  const seen = new Map<string, Round[]>(present.map(({ name }) => [name, []]))
  const shares = present.length === 0 ? new Map<string, number[]>() : measure()

  function measure() {
    compileLoad()
    const host = makeHost('capture')
    timed({
      run: inNamespace(host.host, program, 'up', host.space, ...articleSpace),
      environment: { NATSPACE_STATE: natspaceState },
    })
    const tasks = present.map(watcher => ({
      name: watcher.name,
      timed: () => once(watcher, program, host, seen.get(watcher.name) ?? []),
      after: () => void ask('sh', '-c', 'rm -f /run/tmp/four*'),
    }))
    const found = interleave(tasks, { warmUps, rounds }, (round, of) =>
      progress(`capture: round ${round} of ${of}`),
    )
    removeHost(host)
    return found
  }

  const timedOnly = new Map([...seen].map(([name, list]) => [name, list.slice(warmUps)]))
  return {
    name: 'capture',
    title: 'Capturing many packets at four points',
    method: method(warmUps, rounds),
    machine: describeMachine(Object.assign({}, ...present.map(({ versions }) => versions(program)))),
    tables: present.length === 0 ? [] : [tableOf(present, shares, timedOnly)],
    missing: [
      ...(compiler === undefined ? [] : [`capture: ${compiler}`]),
      ...watchers.flatMap(({ name, missing }) => {
        const why = missing(program)
        return why === undefined ? [] : [`${name}: ${why}`]
      }),
    ],
    measures: measuresOf(timedOnly.get('natspace')),
    data: {
      warmUps,
      rounds,
      perSecond,
      milliseconds,
      points,
      budget,
      shares: Object.fromEntries(shares),
      packets: Object.fromEntries(timedOnly),
    },
  }
}

const measuresOf = (counted: readonly Round[] = []): Measures =>
  counted.length === 0 ? {} : { lost: counted.reduce((sum, { lost }) => sum + lost, 0) }

/** One load, watched. Returns the processor time as a part of the time that the load took. */
function once(watcher: Watcher, program: string, host: Host, rounds: Round[]): number {
  const filter = ['udp', 'and', 'port', String(port)]
  const ends = { client: host.space, server: host.outside, address: '192.168.1.1' }
  const load = datagramsCommand(ends, port, perSecond, milliseconds)
  const { traffic, seconds, said } = watched(watcher.watch(program, host, points, filter), load)
  const sent = Number(traffic)
  const { captured, lost } = watcher.count(said)
  rounds.push({ sent, captured, lost })
  if (!(sent > 0) || captured + lost !== sent * points)
    throw new BenchFailure(
      `of ${sent * points} packets ${captured} are there and ${lost} said to be lost:\n${said}`,
    )
  return seconds / (milliseconds / 1000)
}

function tableOf(
  present: readonly Watcher[],
  shares: ReadonlyMap<string, readonly number[]>,
  seen: ReadonlyMap<string, readonly Round[]>,
): Table {
  const ours = shares.get('natspace')
  const percent = (share: number): string => `${Math.round(100 * share)}`
  const rows = present.map(({ name, what }) => {
    const [own, counted] = [shares.get(name) ?? [], seen.get(name) ?? []]
    const total = (key: keyof Round): number => counted.reduce((sum, round) => sum + round[key], 0)
    const lost = total('lost')
    return [
      what,
      spelled(total('sent') * points),
      spelled(lost),
      name === 'natspace' ? spelled(budget) : '',
      name === 'natspace' ? (lost <= budget ? 'yes' : 'NO') : '',
      percent(median(own)),
      percent(Math.min(...own)),
      percent(Math.max(...own)),
      ours === undefined || name === 'natspace' ? '' : pairedRatio(ours, own).toFixed(2),
    ]
  })
  return {
    title: `${spelled(perSecond * points)} packets a second`,
    head: ['', 'packets', 'lost', 'at most', 'met', 'median %', 'min', 'max', 'natspace / it'],
    rows,
  }
}

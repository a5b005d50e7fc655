/** `npm run bench -- scale`: the cost against the count, of natspace and of its peers. */
import { compileGauge, missingCompiler } from './lib/compiler.ts'
import { leftBehind } from './lib/left-behind.ts'
import type { BenchOptions } from './lib/options.ts'
import { ask, BenchFailure, withPeak } from './lib/process.ts'
import type { Report } from './lib/report.ts'
import { restore, snapshot } from './lib/sandbox.ts'
import { note } from './lib/series.ts'
import { missingCommand } from './peers/contender.ts'
import { type Peer, peers, sweep } from './peers/crowd.ts'
import {
  batchMany,
  batchUndo,
  compileMany,
  depopulate,
  listAll,
  natspaceMany,
  populate,
  readAll,
} from './peers/many.ts'
import { floor } from './peers/shell.ts'
import { type Measured, report } from './scale-report.ts'

const counts = [1, 10, 100, 1000, 5000] as const

/** With how many rounds the last of the counts, which takes minutes, is measured too. */
const longRun = 20

/** Larger counts vary less, and take longer: rounds of all spaces at once, and how often the last of them comes and goes in each. */
const bulkRounds = (count: number, rounds: number): number =>
  Math.max(1, Math.min(rounds, Math.ceil(3000 / count), 8))
const nextRounds = (count: number): number => (count < 1000 ? 2 : 5)
const peerRounds = (count: number, rounds: number): number => Math.min(rounds, count < 1000 ? 10 : 5)

/** Milliseconds: what takes longer is measured once. */
const patience = 3000

/** Beyond so many, what iproute2 does in each namespace takes minutes. */
const mostByShell = 1000

type Progress = BenchOptions['progress']

/** natspace and the C program, turn by turn on one host: all spaces at once, and the last of them again and again. */
function measureOwn(measured: Measured, program: string, count: number, rounds: number, progress: Progress) {
  const gauge = compileGauge()
  // Small counts have a round more, which is not timed, for the memory: to measure that takes time.
  const first = count < 1000 ? 0 : 1
  for (let round = first; round <= rounds; round++) {
    progress(`scale: ${count} spaces at once, round ${round} of ${rounds}`)
    const isTimed = round > 0
    const time = (name: Exclude<keyof Measured, 'peers'>, run: () => number) => {
      const figure = run()
      if (isTimed) note(measured[name], count, figure)
    }
    const timeWithMemory = (name: 'up' | 'cUp' | 'batchUp', run: () => number) => {
      if (round > 1 || (isTimed && count < 1000)) return time(name, run)
      const { value, peak } = withPeak(gauge, run)
      note(measured[`${name}Memory`], count, peak)
      time(name, () => value)
    }
    timeWithMemory('cUp', () => populate(count))
    depopulate(count)
    const own = natspaceMany(program, count)
    timeWithMemory('up', own.up)
    for (const name of ['again', 'status', 'ls', 'gc', 'statusOne'] as const) time(name, own[name])
    for (let turn = 0; turn < nextRounds(count); turn++) {
      time('downOne', own.downOne)
      time('next', own.next)
      time('cNext', floor.up)
      ask('sh', '-c', 'nft delete table ip article; ip link delete veth1; ip netns delete myspace')
    }
    time('cRead', readAll)
    time('down', own.down)
    restore()
    if (count > mostByShell) continue
    timeWithMemory('batchUp', () => batchMany(count))
    if (count < mostByShell || round === 1) time('listed', listAll)
    batchUndo(count)
    restore()
  }
}

/** One more space by each of the peers, turn by turn, with so many others there. */
function measurePeers(measured: Measured, count: number, rounds: number, progress: Progress): void {
  const others = count - 1
  populate(others)
  const present = peers.filter(
    ({ missing, most }) => missing() === undefined && count <= (most?.count ?? count),
  )
  const enter = new Map(present.map(({ name, among }) => [name, among(others)]))
  const slow = new Set<string>()
  const once = ({ name, up }: Peer): number => {
    enter.get(name)?.()
    const figure = up(others)
    sweep()
    return figure
  }
  for (let round = 0; round <= rounds; round++) {
    progress(`scale: one more of ${count}, round ${round} of ${rounds}`)
    for (const peer of present) {
      if (slow.has(peer.name)) continue
      const figure = once(peer)
      if (figure > patience) slow.add(peer.name)
      // The first round warms up, but for what is measured only once.
      if (round === 0 && !slow.has(peer.name)) continue
      const series = measured.peers.get(peer.name) ?? new Map<number, number[]>()
      measured.peers.set(peer.name, series)
      note(series, count, figure)
    }
  }
  depopulate(others)
}

const empty = (): Measured => ({
  up: new Map(),
  upMemory: new Map(),
  again: new Map(),
  status: new Map(),
  ls: new Map(),
  gc: new Map(),
  statusOne: new Map(),
  downOne: new Map(),
  next: new Map(),
  down: new Map(),
  cUp: new Map(),
  cUpMemory: new Map(),
  cNext: new Map(),
  cRead: new Map(),
  batchUp: new Map(),
  batchUpMemory: new Map(),
  listed: new Map(),
  peers: new Map(),
})

/** Runs the benchmark. Throws a BenchFailure when a program that is there fails, or anything is left at the end. */
export async function scale({ program, rounds, progress }: BenchOptions): Promise<Report> {
  const unable = missingCommand(program) ?? missingCompiler()
  if (unable !== undefined) throw new BenchFailure(unable)
  compileMany()
  floor.prepare?.()
  const before = snapshot()
  const measured = empty()
  const wanted = counts.filter(count => count < 5000 || rounds >= longRun)
  for (const count of wanted) {
    measureOwn(measured, program, count, bulkRounds(count, rounds), progress)
    measurePeers(measured, count, peerRounds(count, rounds), progress)
  }
  const left = leftBehind(before, snapshot())
  if (left !== 'nothing') throw new BenchFailure(`After all the spaces something is left: ${left}`)
  return report(measured, wanted, { program, patience, mostByShell })
}

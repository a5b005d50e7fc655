/** `npm run bench -- cold`: one space from nothing to connected, each time by new processes, against its peers. */
import { type BudgetName, budgets } from './lib/budgets.ts'
import { compare, type Row } from './lib/comparison.ts'
import { peakOf } from './lib/compiler.ts'
import { interleave, type Task } from './lib/interleave.ts'
import { leftBehind } from './lib/left-behind.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { timed } from './lib/process.ts'
import { type Report, type Table, timesTable } from './lib/report.ts'
import { restore, snapshot } from './lib/sandbox.ts'
import { proveConnected } from './lib/traffic.ts'
import { cni } from './peers/cni.ts'
import type { Contender } from './peers/contender.ts'
import { natspace } from './peers/natspace.ts'
import { netavark } from './peers/netavark.ts'
import { compileEmptyProgram } from './peers/runtime.ts'
import { batch, floor, shell } from './peers/shell.ts'

/** The budgets of the ratios natspace / peer, by the peers. */
const budgetOf: Readonly<Record<string, BudgetName>> = {
  shell: 'up to shell',
  netavark: 'up to netavark',
  cni: 'up to cni',
}

const method = (warmUps: number, rounds: number): string[] => [
  'Each tool makes the space of the reference experiment, with port 8080 of the host published, from nothing: namespace,',
  'veth pair, addresses, default route, forwarding, NAT, and the port. Time is that of the whole process, or of all',
  'processes of a sequence, from spawn to exit, seen from outside. What a tool does not do itself (creating the namespace)',
  'is counted with it. The tools take turns in one sandbox; after each the sandbox is put back to an empty ruleset.',
  `Figures are medians of ${rounds} rounds after ${warmUps} to warm up; a ratio is the median of the ratios within each round.`,
  'Before the first round, a connection each way has proved that every tool does connect the space.',
]

/** What a tool leaves after its own teardown, and how much memory its `up` takes where that can be measured. */
type Trial = { readonly left: string; readonly peak: number | undefined }

/** One tool beforehand, which shows that it works. */
async function trial({ name, prepare, up, down }: Contender): Promise<Trial> {
  prepare?.()
  const before = snapshot()
  const peak = peakOf(up)
  await proveConnected(name)
  down()
  const left = leftBehind(before, snapshot())
  restore()
  return { left, peak }
}

const upTask = ({ name, up, down }: Contender): Task => ({
  name,
  timed: up,
  after: () => {
    down()
    restore()
  },
})

type Natspace = ReturnType<typeof natspace>

/** The other commands. Each finds the space up, but for those that need none. */
function commandTasks(own: Natspace): Task[] {
  const empty = compileEmptyProgram()
  const before = () => void own.up()
  const after = () => {
    own.down()
    restore()
  }
  return [
    { name: 'process', timed: () => timed({ run: ['true'] }).milliseconds },
    { name: 'runtime', timed: () => timed({ run: [empty] }).milliseconds },
    { name: 'version', timed: own.version },
    { name: 'up again', before, timed: own.up, after },
    { name: 'status', before, timed: own.status, after },
    { name: 'exec', before, timed: own.execTrue, after },
    {
      name: 'ip exec',
      before,
      timed: () => timed({ run: ['ip', 'netns', 'exec', 'myspace', 'true'] }).milliseconds,
      after,
    },
    { name: 'down', before, timed: own.timedDown, after: restore },
  ]
}

const commandRows = [
  { name: 'process', what: 'true (what starting any process costs here)' },
  { name: 'runtime', what: 'an empty program compiled as natspace is' },
  { name: 'version', what: 'natspace --version' },
  { name: 'up again', what: 'natspace up, when all is right already' },
  { name: 'status', what: 'natspace status myspace' },
  { name: 'down', what: 'natspace down myspace' },
  { name: 'exec', what: 'natspace exec myspace true' },
  { name: 'ip exec', what: 'ip netns exec myspace true', against: 'exec' },
]

const measuresOf = (rows: readonly Row[]) =>
  Object.fromEntries(
    rows.flatMap(({ name, ratio }) => {
      const budget = budgetOf[name]
      return budget === undefined || ratio === undefined ? [] : [[budget, ratio]]
    }),
  )

/** Runs the benchmark. Throws a BenchFailure when a tool that is there fails. */
export async function cold({ program, warmUps, rounds, progress }: BenchOptions): Promise<Report> {
  const own = natspace(program)
  const contenders: Contender[] = [own, shell, netavark, cni, batch, floor]
  const present = contenders.filter(({ missing }) => missing() === undefined)
  const trials = new Map<string, Trial>()
  for (const contender of present) {
    progress(`trial of ${contender.name}`)
    trials.set(contender.name, await trial(contender))
  }
  const told = (what: string) => (round: number, of: number) => progress(`${what}: round ${round} of ${of}`)
  const ups = interleave(present.map(upTask), { warmUps, rounds }, told('up'))
  const wanted = contenders.map(({ name, what }) => {
    const budget = budgetOf[name]
    return {
      name,
      what,
      against: name === own.name ? undefined : own.name,
      budget: budget === undefined ? undefined : budgets[budget].limit,
    }
  })
  const rows = compare(ups, wanted)
  const tables: Table[] = [
    timesTable('From nothing to connected', 'natspace / it', rows),
    {
      title:
        'The most memory of any of its processes, and what is still there after each tool’s own teardown',
      head: ['', 'peak MiB', 'left behind'],
      rows: present.map(({ name, what }) => {
        const { left = '', peak } = trials.get(name) ?? {}
        return [what, peak?.toFixed(1) ?? '', left]
      }),
    },
  ]
  const commands = present.includes(own)
    ? compare(interleave(commandTasks(own), { warmUps, rounds }, told('commands')), commandRows)
    : []
  if (commands.length > 0)
    tables.splice(1, 0, timesTable('The other commands', 'natspace exec / it', commands))
  return {
    name: 'cold',
    title: '`up`, cold, against its peers',
    method: method(warmUps, rounds),
    machine: describeMachine(Object.assign({}, ...present.map(({ versions }) => versions()))),
    tables,
    missing: contenders.flatMap(({ name, missing }) => {
      const reason = missing()
      return reason === undefined ? [] : [`${name}: ${reason}`]
    }),
    measures: measuresOf(rows),
    data: { warmUps, rounds, up: rows, commands, trials: Object.fromEntries(trials) },
  }
}

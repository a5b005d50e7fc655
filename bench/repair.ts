/** `npm run bench -- repair`: how long it takes `natspace watch` to repair what somebody changed. */
import { readFileSync, writeFileSync } from 'node:fs'
import { budgets, isMet } from './lib/budgets.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { ask } from './lib/process.ts'
import type { Report } from './lib/report.ts'
import { RunningWatch } from './lib/running-watch.ts'
import { restore } from './lib/sandbox.ts'
import { median } from './lib/statistics.ts'
import { missingCommand, versionOf } from './peers/contender.ts'
import { articleSpace } from './peers/natspace.ts'

/** What is done, again and again, and what it is called. */
type Harm = {
  readonly name: string
  readonly what: string
  readonly spaces: number
  readonly harm: [string, ...string[]]
  /** The budget that its median is held to. */
  readonly budget?: 'repair'
}

const flush: [string, ...string[]] = ['nft', 'flush', 'ruleset']

const harms: readonly Harm[] = [
  { name: 'flush', what: 'nft flush ruleset', spaces: 1, harm: flush, budget: 'repair' },
  { name: 'link', what: 'ip link delete veth1', spaces: 1, harm: ['ip', 'link', 'delete', 'veth1'] },
  {
    name: 'namespace',
    what: 'ip netns delete myspace',
    spaces: 1,
    harm: ['ip', 'netns', 'delete', 'myspace'],
  },
  {
    name: 'forwarding',
    what: 'sysctl net.ipv4.ip_forward=0',
    spaces: 1,
    harm: ['sysctl', '-qw', 'net.ipv4.ip_forward=0'],
  },
  { name: 'flush-100', what: 'nft flush ruleset, with 100 spaces', spaces: 100, harm: flush },
]

const method = (warmUps: number, rounds: number): string[] => [
  'The space of the reference experiment is up, and `natspace watch` runs beside. Another program changes something; the time',
  'is from the moment at which the kernel tells of that to the moment at which the watch has told that it is repaired: by',
  'then everything was read again. “Rules back” is when the kernel tells that the watch has changed the ruleset. Where the',
  'harm is none to the ruleset, the time includes the start of the program that does it. After the last round status',
  `found all right. Medians of ${rounds} rounds after ${warmUps} to warm up.`,
  'Memory and descriptors are those of the watch, after the first tenth of the rounds and after the last.',
]

type Row = {
  readonly what: string
  readonly told: readonly number[]
  readonly rules: readonly number[]
  readonly budget: 'repair' | undefined
  readonly memory: readonly [number, number]
  readonly descriptors: readonly [number, number]
}

const memoryOf = (process: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${process}/status`, 'utf8'))?.[1] ?? 0) / 1024

const descriptorsOf = (process: number): number => Number(ask('sh', '-c', `ls /proc/${process}/fd | wc -l`))

const bringUp = (program: string, spaces: number): void => {
  ask(program, 'up', '-q', 'myspace', ...articleSpace)
  if (spaces === 1) return
  const others = Array.from({ length: spaces - 1 }, (_, index) => [
    `s${index}`,
    { publish: [20_000 + index] },
  ])
  writeFileSync('/run/tmp/spaces.json', JSON.stringify({ spaces: Object.fromEntries(others) }))
  ask(program, 'up', '-q', '-f', '/run/tmp/spaces.json')
}

const measure = (
  program: string,
  { what, spaces, harm, budget }: Harm,
  warmUps: number,
  rounds: number,
): Row => {
  bringUp(program, spaces)
  const told: number[] = []
  const rules: number[] = []
  const memory: number[] = []
  const descriptors: number[] = []
  {
    using watch = new RunningWatch(program)
    const note = () => {
      memory.push(memoryOf(watch.process))
      descriptors.push(descriptorsOf(watch.process))
    }
    for (let round = 0; round < warmUps + rounds; round++) {
      const times = watch.repairOf(...harm)
      // The kernel ends a deleted namespace later, and the watch looks once more.
      Bun.sleepSync(60)
      if (round === warmUps + Math.floor(rounds / 10)) note()
      if (round < warmUps) continue
      told.push(times.told)
      if (times.rules !== undefined) rules.push(times.rules)
    }
    note()
    ask(program, 'status')
  }
  ask(program, 'down', '-q', '--all')
  restore()
  const pair = ([first = 0, last = 0]: readonly number[]): [number, number] => [first, last]
  return { what, told, rules, budget, memory: pair(memory), descriptors: pair(descriptors) }
}

/** Runs the benchmark. Throws a BenchFailure when a repair does not come. */
export async function repair({ program, warmUps, rounds, progress }: BenchOptions): Promise<Report> {
  const unable = missingCommand(program)
  const missing = unable === undefined ? [] : [`natspace: ${unable}`]
  const rows =
    missing.length > 0
      ? []
      : harms.map(harm => {
          progress(`repair: ${harm.what}`)
          return measure(program, harm, warmUps, rounds)
        })
  return {
    name: 'repair',
    title: 'From a change by somebody else to its repair',
    method: method(warmUps, rounds),
    machine: describeMachine(rows.length === 0 ? {} : versionOf(program)),
    tables: rows.length === 0 ? [] : [timesOf(rows), resourcesOf(rows)],
    missing,
    measures: Object.fromEntries(
      rows.flatMap(({ budget, told }) => (budget === undefined ? [] : [[budget, median(told)]])),
    ),
    data: { warmUps, rounds, rows },
  }
}

const milliseconds = (value: number): string => value.toFixed(1)

const timesOf = (rows: readonly Row[]) => ({
  title: 'Milliseconds until everything is right again',
  head: ['', 'median ms', 'min', 'max', 'rules back', 'budget', 'met'],
  rows: rows.map(({ what, told, rules, budget }) => [
    what,
    milliseconds(median(told)),
    milliseconds(Math.min(...told)),
    milliseconds(Math.max(...told)),
    rules.length === 0 ? '' : milliseconds(median(rules)),
    budget === undefined ? '' : String(budgets[budget].limit),
    budget === undefined ? '' : isMet(budget, median(told)) ? 'yes' : 'NO',
  ]),
})

const resourcesOf = (rows: readonly Row[]) => ({
  title: 'What the watch takes',
  head: ['', 'MiB early', 'MiB at the end', 'descriptors early', 'at the end'],
  rows: rows.map(({ what, memory, descriptors }) => [
    what,
    ...memory.map(value => value.toFixed(0)),
    ...descriptors.map(String),
  ]),
})

/** `npm run bench -- cni`: one container more, and one less, by natspace and by the reference plugins. */
import { rmSync } from 'node:fs'
import { budgets, isMet, type Measures } from './lib/budgets.ts'
import { compare, type Row } from './lib/comparison.ts'
import { peakOf } from './lib/compiler.ts'
import { interleave, type Task } from './lib/interleave.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { ask, timed } from './lib/process.ts'
import { type Report, type Table, timesTable } from './lib/report.ts'
import { SubHost } from './lib/sub-host.ts'
import { type Attacher, type Container, natspaceAttacher, referenceAttacher } from './peers/attachments.ts'

/** Attachments that are there already. */
const counts = [1, 300] as const

const budget = budgets['cni add'].limit

const method = (warmUps: number, rounds: number): string[] => [
  'A container runtime attaches a container to a network, with a published port, and detaches it again; its namespace is there',
  'beforehand. Time is that of all plugin processes, from spawn to exit, one after another as a runtime starts them. natspace and',
  'the reference plugins are each on a host of their own, on which as many containers are attached by the same means as the',
  'table says; “beside” is natspace on the host of the reference plugins, where it must read their rules. They take turns.',
  `Medians of ${rounds} rounds after ${warmUps} to warm up; a ratio is the median of the ratios within each round.`,
]

/** Where somebody attaches containers, and what they are called there. */
type Place = {
  readonly attacher: Attacher
  readonly host: SubHost
  readonly prefix: string
  readonly isPopulated: boolean
}

const containerOf = ({ prefix }: Place, number: number): Container => ({ name: `${prefix}${number}`, number })

const names = (command: 'add' | 'delete', containers: readonly Container[]): void =>
  void timed({
    run: ['ip', '-batch', '-'],
    input: containers.map(({ name }) => `netns ${command} ${name}\n`).join(''),
  })

/** Attaches the containers that are to be there. */
const populate = (place: Place, count: number, told: (number: number) => void): Container[] => {
  const containers = Array.from({ length: count }, (_, index) => containerOf(place, index + 1))
  names('add', containers)
  place.host.run(() => {
    for (const container of containers) {
      told(container.number)
      place.attacher.request('ADD', container)
    }
  })
  return containers
}

/** An ADD and the DEL after it, as two tasks: they are run in this order. */
const tasksOf = (place: Place): Task[] => {
  const { attacher, host } = place
  const container = containerOf(place, 5000)
  const request = (command: 'ADD' | 'DEL') => host.run(() => attacher.request(command, container))
  return [
    { name: `${attacher.name} ADD`, before: () => names('add', [container]), timed: () => request('ADD') },
    { name: `${attacher.name} DEL`, timed: () => request('DEL'), after: () => names('delete', [container]) },
  ]
}

type Measured = {
  readonly count: number
  readonly add: Row[]
  readonly del: Row[]
  /** MiB, by the attachers' names; nothing where it cannot be measured. */
  readonly peaks: Readonly<Record<string, number | undefined>>
}

/** The most memory of any of the processes of an ADD. */
const peakOfAdd = (place: Place): number | undefined => {
  const { attacher, host } = place
  const container = containerOf(place, 5000)
  names('add', [container])
  const peak = host.run(() => peakOf(() => attacher.request('ADD', container)))
  host.run(() => attacher.request('DEL', container))
  names('delete', [container])
  return peak
}

const measure = (count: number, { program, warmUps, rounds, progress }: BenchOptions): Measured => {
  using own = new SubHost('bench-own')
  using reference = new SubHost('bench-reference')
  const state = (name: string) => `/run/tmp/state-${name}`
  const places: Place[] = [
    {
      attacher: natspaceAttacher(program, 'natspace', 'natspace', state('own'), {
        subnet: '10.88.0.0/16',
        firstPort: 10_000,
      }),
      ...{ host: own, prefix: 'own', isPopulated: true },
    },
    { attacher: referenceAttacher, host: reference, prefix: 'ref', isPopulated: true },
    {
      attacher: natspaceAttacher(
        program,
        'beside',
        'natspace beside the reference plugins',
        state('beside'),
        {
          subnet: '10.89.0.0/16',
          firstPort: 30_000,
        },
      ),
      ...{ host: reference, prefix: 'beside', isPopulated: false },
    },
  ].filter(({ attacher }) => attacher.missing() === undefined)
  const populated = places
    .filter(({ isPopulated }) => isPopulated)
    .flatMap(place =>
      populate(place, count, number => progress(`${place.attacher.name}: container ${number} of ${count}`)),
    )
  try {
    const peaks = Object.fromEntries(places.map(place => [place.attacher.name, peakOfAdd(place)]))
    const times = interleave(places.flatMap(tasksOf), { warmUps, rounds }, (round, of) =>
      progress(`${count} attachments: round ${round} of ${of}`),
    )
    const rowsOf = (command: 'ADD' | 'DEL') =>
      compare(
        times,
        places.map(({ attacher: { name, what } }) => ({
          name: `${name} ${command}`,
          what,
          against: name === 'reference' ? `natspace ${command}` : undefined,
        })),
      )
    return { count, add: rowsOf('ADD'), del: rowsOf('DEL'), peaks }
  } finally {
    // What they made vanishes with the hosts.
    names('delete', populated)
    for (const folder of [state('own'), state('beside'), '/run/tmp/host-local'])
      rmSync(folder, { recursive: true, force: true })
  }
}

/** natspace's ADD where one attachment is there. */
const budgeted = ([first]: readonly Measured[]): Row | undefined =>
  first?.add.find(({ name }) => name === 'natspace ADD')

const measuresOf = (measured: readonly Measured[]): Measures => {
  const row = budgeted(measured)
  return row === undefined ? {} : { 'cni add': row.median }
}

const memoryTable = (measured: readonly Measured[]): Table => ({
  title: 'The most memory of any process of an ADD, MiB',
  head: ['', ...measured.map(({ count }) => `${count} there already`)],
  rows: (measured[0]?.add ?? []).map(({ name, what }) => [
    what,
    ...measured.map(({ peaks }) => peaks[name.replace(' ADD', '')]?.toFixed(1) ?? ''),
  ]),
})

const budgetTable = (measured: readonly Measured[]): Table[] => {
  const row = budgeted(measured)
  if (row === undefined) return []
  return [
    {
      title: 'Budget',
      head: ['', 'median ms', 'budget', 'met'],
      rows: [
        [
          'natspace ADD, cold, one attachment',
          row.median.toFixed(1),
          String(budget),
          isMet('cni add', row.median) ? 'yes' : 'NO',
        ],
      ],
    },
  ]
}

/** Runs the benchmark. Throws a BenchFailure when a plugin that is there fails. */
export async function cni(options: BenchOptions): Promise<Report> {
  const { program, warmUps, rounds } = options
  const own = natspaceAttacher(program, 'natspace', 'natspace', '', { subnet: '', firstPort: 0 })
  const present = [own, referenceAttacher].filter(({ missing }) => missing() === undefined)
  ask('mkdir', '-p', '/run/netns')
  const measured = present.length === 0 ? [] : counts.map(count => measure(count, options))
  const titleOf = (command: string, count: number) =>
    `${command}, ${count === 1 ? 'one attachment' : `${count} attachments`} there already`
  return {
    name: 'cni',
    title: 'As the plugin of a container runtime',
    method: method(warmUps, rounds),
    machine: describeMachine(Object.assign({}, ...present.map(({ versions }) => versions()))),
    tables: [
      ...measured.flatMap(({ count, add, del }) => [
        timesTable(titleOf('ADD', count), 'natspace / it', add),
        timesTable(titleOf('DEL', count), 'natspace / it', del),
      ]),
      ...(measured.length === 0 ? [] : [memoryTable(measured)]),
      ...budgetTable(measured),
    ],
    missing: [own, referenceAttacher].flatMap(({ name, missing }) => {
      const reason = missing()
      return reason === undefined ? [] : [`${name}: ${reason}`]
    }),
    measures: measuresOf(measured),
    data: { warmUps, rounds, budget, measured },
  }
}

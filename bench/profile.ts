/** `npm run bench -- profile`: where the time of a single command goes, from its exec() to its exit. */
import { compare } from './lib/comparison.ts'
import { interleave, type Task } from './lib/interleave.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { ask, BenchFailure, environment, timed } from './lib/process.ts'
import { type Report, type Table, timesTable } from './lib/report.ts'
import { restore } from './lib/sandbox.ts'
import { outsideStages, type Profile, profileOf, type Run, readRun } from './lib/stages.ts'
import { missingCommand, versionOf } from './peers/contender.ts'
import { articleSpace } from './peers/natspace.ts'
import { compileEmptyProgram } from './peers/runtime.ts'
import { floor } from './peers/shell.ts'

/** Every stage: what is done in it, and whose it is. */
const owners: readonly (readonly [stage: string, what: string, owner: string])[] = [
  [outsideStages.before, 'exec(), the dynamic loader, the runtime’s own start', 'kernel, ld.so, Bun'],
  ['runtime', 'the JavaScript engine, and the first file of the command', 'Bun'],
  ['timeline', 'what it costs to measure this', 'src/cli/timeline'],
  ['ffi', 'bun:ffi, and binding the functions of libc', 'Bun; src/linux/sys/libc.ts'],
  ['arguments', 'the command line, the privileges, or a plugin’s request', 'src/cli'],
  ['code loaded', 'the files of this command: bytecode, and the constants in it', 'Bun; scripts/build.mjs'],
  ['files read', 'lock folder, journal, records; /etc for exec', 'src/space/state'],
  ['lock', 'flock()', 'kernel'],
  ['namespaces read', 'opening a namespace, what it is', 'kernel; src/linux/sys/namespace.ts'],
  ['links read', 'lists of links, addresses, routes', 'kernel; src/linux/rtnetlink'],
  ['settings read', 'files of /proc/sys', 'kernel'],
  ['sockets read', 'who listens at a port that is to be published', 'kernel; src/linux/socket-diag'],
  ['ruleset read', 'chains, sets, elements, rules', 'kernel; src/linux/nftables'],
  ['flows read', 'connection tracking', 'kernel; src/linux/conntrack'],
  ['comparing', 'what should be, what is, and the difference', 'src/space/reconcile'],
  ['records written', 'journal and records: write, fsync, rename', 'src/space/state'],
  ['namespace changed', 'unshare and mount, or unmount', 'kernel'],
  ['links changed', 'the pair, addresses, routes; or their end', 'kernel'],
  ['settings changed', 'files of /proc/sys', 'kernel'],
  ['ruleset changed', 'one batch', 'kernel; src/linux/nftables'],
  ['flows changed', 'flows of a space that goes', 'kernel; src/linux/conntrack'],
  ['verifying', 'reading again, and comparing', 'src/space/reconcile/up.ts'],
  ['namespace entered', 'setns()', 'kernel'],
  ['mounts', 'what the program is to see of /etc and /sys', 'kernel; src/space/exec'],
  ['printing', 'what is told, and closing the sockets', 'src/cli'],
  [outsideStages.after, 'exit and its clean-up, and the wait of the caller; for exec, the program', 'kernel'],
]

const method = (warmUps: number, rounds: number): string[] => [
  'Each command is run with `NATSPACE_TIMELINE=1`: it reads a clock where one stage ends and the next begins, and prints what it',
  'noted at its very end. When it was started and when it was gone, the harness says, whose clock is the same. So the stages of a',
  'run are its whole time, without a rest; the medians of the stages need not add up to the median of the runs, and the rest is',
  'shown. What the measuring costs is the stage `timeline`, and the difference to the same command without it, in turn with it.',
  `Medians of ${rounds} rounds after ${warmUps} to warm up, in milliseconds; \`exec\` runs \`true\`.`,
]

const now = (): number => performance.timeOrigin + performance.now()

type Command = {
  readonly name: string
  readonly words: readonly string[]
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly before?: () => void
  readonly after?: () => void
}

const configuration = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'natspace',
  type: 'natspace',
  ipam: { subnet: '10.88.0.0/16', routes: [{ dst: '0.0.0.0/0' }] },
  runtimeConfig: { portMappings: [{ hostPort: 10_001, containerPort: 80, protocol: 'tcp' }] },
})

const request = (verb: 'ADD' | 'DEL') => ({
  CNI_COMMAND: verb,
  CNI_CONTAINERID: 'container',
  CNI_NETNS: '/run/netns/container',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/opt/cni/bin',
})

const timeline = { NATSPACE_TIMELINE: '1' }

/** One run with its timeline. Throws a BenchFailure when it fails. */
function watchedRun(program: string, { name, words, input, environment: added }: Command): Run {
  const options = {
    cmd: [program, ...words],
    stdin: input === undefined ? ('ignore' as const) : Buffer.from(input),
    stdout: 'pipe' as const,
    stderr: 'pipe' as const,
    env: { ...environment, ...added, ...timeline },
    timeout: 60_000,
  }
  const spawned = now()
  const result = Bun.spawnSync(options)
  const reaped = now()
  const text = result.stderr.toString()
  if (!result.success) throw new BenchFailure(`${name} failed:\n${text}${result.stdout}`)
  return readRun(text, spawned, reaped)
}

function commandsOf(program: string): Command[] {
  const upWords = ['up', 'myspace', ...articleSpace]
  const up = () => void ask(program, ...upWords)
  const down = () => {
    ask(program, 'down', 'myspace')
    restore()
  }
  return [
    { name: 'up', words: upWords, after: down },
    { name: 'up again', words: upWords, before: up, after: down },
    { name: 'status', words: ['status', 'myspace'], before: up, after: down },
    { name: 'exec', words: ['exec', 'myspace', 'true'], before: up, after: down },
    { name: 'down', words: ['down', 'myspace'], before: up, after: restore },
    {
      name: 'CNI ADD',
      words: [],
      input: configuration,
      environment: request('ADD'),
      before: () => void ask('ip', 'netns', 'add', 'container'),
      after: () => {
        timed({ run: [program], input: configuration, environment: request('DEL') })
        ask('ip', 'netns', 'delete', 'container')
        restore()
      },
    },
  ]
}

/** The same command with its timeline and without it, one after the other. */
function tasksOf(program: string, command: Command, runs: Run[]): Task[] {
  const { name, words, input, environment, before, after } = command
  const around = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
  const plain = {
    run: [program, ...words] as const,
    ...(input === undefined ? {} : { input }),
    ...(environment === undefined ? {} : { environment }),
  }
  return [
    {
      name,
      timed: () => {
        const run = watchedRun(program, command)
        runs.push(run)
        return run.total
      },
      ...around,
    },
    { name: `${name}, plain`, timed: () => timed(plain).milliseconds, ...around },
  ]
}

const milliseconds = (value: number | undefined): string =>
  value === undefined || value < 0.0005 ? '' : value.toFixed(2)

function stagesTable(profiles: ReadonlyMap<string, Profile>, plain: ReadonlyMap<string, number>): Table {
  const all = [...profiles]
  const known = new Set(owners.map(([stage]) => stage))
  const others = new Set(all.flatMap(([, { stages }]) => [...stages.keys()].filter(name => !known.has(name))))
  const row = (title: string, of: (profile: Profile, name: string) => number | undefined): string[] => [
    title,
    ...all.map(([name, profile]) => milliseconds(of(profile, name))),
  ]
  const signed = (title: string, of: (profile: Profile, name: string) => number): string[] => [
    title,
    ...all.map(([name, profile]) => of(profile, name).toFixed(2)),
  ]
  const rows = [...known, ...others].map(stage => row(stage, ({ stages }) => stages.get(stage)))
  return {
    title: 'Stages, ms',
    head: ['', ...profiles.keys()],
    rows: [
      ...rows.filter(([, ...cells]) => cells.some(cell => cell !== '')),
      row('the sum of these', ({ sum }) => sum),
      row('seen from outside', ({ total }) => total),
      signed('the rest', ({ total, sum }) => total - sum),
      row('without the timeline', (_, name) => plain.get(`${name}, plain`)),
    ],
  }
}

const ownersTable: Table = {
  title: 'Whose each stage is',
  head: ['', 'what', 'whose'],
  rows: owners.map(([stage, what, owner]) => [stage, what, owner]),
}

const floorRows = [
  { name: 'process', what: 'true: what starting any process costs here' },
  { name: 'loader', what: 'natspace as far as the dynamic loader (LD_TRACE_LOADED_OBJECTS=1)' },
  { name: 'runtime', what: 'an empty program, compiled as natspace is' },
  { name: 'version', what: 'natspace --version' },
  { name: 'floor', what: 'the system calls of `up` alone, from C' },
]

function floorTasks(program: string): Task[] {
  const empty = compileEmptyProgram()
  const loading = { LD_TRACE_LOADED_OBJECTS: '1' }
  const tasks: Task[] = [
    { name: 'process', timed: () => timed({ run: ['true'] }).milliseconds },
    { name: 'loader', timed: () => timed({ run: [program], environment: loading }).milliseconds },
    { name: 'runtime', timed: () => timed({ run: [empty] }).milliseconds },
    { name: 'version', timed: () => timed({ run: [program, '--version'] }).milliseconds },
  ]
  if (floor.missing() !== undefined) return tasks
  floor.prepare?.()
  const after = () => {
    floor.down()
    restore()
  }
  return [...tasks, { name: 'floor', timed: floor.up, after }]
}

/** Runs the benchmark. Throws a BenchFailure when the command fails. */
export async function profile({ program, warmUps, rounds, progress }: BenchOptions): Promise<Report> {
  const missing = missingCommand(program)
  const about = {
    name: 'profile',
    document: 'performance.md',
    title: 'Measured: a single command',
    method: method(warmUps, rounds),
  }
  if (missing !== undefined)
    return { ...about, machine: describeMachine({}), tables: [], missing: [missing], data: {} }
  const commands = commandsOf(program).map(command => ({ command, runs: [] as Run[] }))
  const told = (what: string) => (round: number, of: number) => progress(`${what}: round ${round} of ${of}`)
  const tasks = commands.flatMap(({ command, runs }) => tasksOf(program, command, runs))
  const times = compare(
    interleave(tasks, { warmUps, rounds }, told('profile')),
    tasks.map(({ name }) => ({ name, what: name })),
  )
  const floors = compare(interleave(floorTasks(program), { warmUps, rounds }, told('floor')), floorRows)
  const profiles = new Map(
    commands.map(({ command, runs }) => [command.name, profileOf(runs.slice(warmUps))]),
  )
  const plain = new Map(times.map(row => [row.name, row.median]))
  return {
    ...about,
    machine: describeMachine({ ...versionOf(program), ...(floor.missing() ? {} : floor.versions()) }),
    tables: [stagesTable(profiles, plain), ownersTable, timesTable('The floor', '', floors)],
    missing: [floor.missing()].flatMap(reason => (reason === undefined ? [] : [`${floor.name}: ${reason}`])),
    data: {
      warmUps,
      rounds,
      floors,
      commands: [...profiles].map(([name, { stages, sum, total }]) => ({
        name,
        stages: Object.fromEntries(stages),
        sum,
        total,
        plain: plain.get(`${name}, plain`),
      })),
    },
  }
}

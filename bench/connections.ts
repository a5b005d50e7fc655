/** `npm run bench -- connections`: what a new connection costs, by how many ports are published. */
import { writeFileSync } from 'node:fs'
import { budgets, type Measures } from './lib/budgets.ts'
import { missingCompiler } from './lib/compiler.ts'
import { type Host, inNamespace, makeHost, makeRoutedSpace, removeHost } from './lib/host.ts'
import { interleave } from './lib/interleave.ts'
import { compileLoad, connectionMicroseconds } from './lib/load.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { ask, timed } from './lib/process.ts'
import type { Report } from './lib/report.ts'
import { median, pairedRatio } from './lib/statistics.ts'
import { missingCommand, missingPrograms, versionOf } from './peers/contender.ts'

const counts = [1, 100, 10_000] as const
const first = 20_000
const connectionsPerRound = 2000

const budget = budgets['connection with 10000'].limit

/** One way to lead connections into a space, with so many ports, of which so many are asked for in turn. */
type Arrangement = {
  readonly name: string
  readonly what: string
  readonly kind: 'none' | 'natspace' | 'iptables'
  readonly ports: number
  readonly asked: number
  /** One rule leads all of the ports to the same place. */
  readonly oneRule?: true
}

const spelled = (count: number): string => count.toLocaleString('en-US')

/** The largest number of ports, each of them asked for. */
const many = 10_000

const arrangements: readonly Arrangement[] = [
  { name: 'routed', what: 'no firewall: the space asked directly', kind: 'none', ports: 1, asked: 1 },
  ...(['natspace', 'iptables'] as const).flatMap(kind =>
    counts.map(ports => ({
      name: `${kind}-${ports}`,
      what: `${kind}, ${spelled(ports)} ${ports === 1 ? 'port' : 'ports'}`,
      kind,
      ports,
      asked: 1,
    })),
  ),
  {
    name: 'natspace-each',
    what: `natspace, ${spelled(many)} ports, each of them asked for`,
    kind: 'natspace',
    ports: many,
    asked: many,
  },
  {
    name: 'iptables-each',
    what: `iptables, ${spelled(many)} ports in one rule, each of them asked for`,
    kind: 'iptables',
    ports: many,
    asked: many,
    oneRule: true,
  },
]

const portsOf = (count: number): number[] => Array.from({ length: count }, (_, index) => first + index)

/** Every port is published by itself, as unrelated ones would be. */
function publishByNatspace(program: string, { host, space }: Host, count: number): void {
  const spec = {
    address: '192.168.45.3',
    gateway: '192.168.45.2/24',
    uplink: 'eth0',
    publish: portsOf(count).map(port => `${port}:80`),
  }
  const file = `/run/tmp/${space}.yaml`
  writeFileSync(file, JSON.stringify({ spaces: { [space]: spec } }))
  const environment = { NATSPACE_STATE: `/run/tmp/state-${space}` }
  timed({ run: inNamespace(host, program, 'up', '-f', file), environment })
}

/** The rules of the reference experiment, the published port as often as there are ports. */
function publishByIptables(host: Host, count: number, oneRule: boolean): void {
  makeRoutedSpace(host)
  const ports = oneRule ? [`${first}:${first + count - 1}`] : portsOf(count)
  const rule = (port: number | string): string =>
    `-A PREROUTING -d 192.168.1.32 -p tcp --dport ${port} -j DNAT --to-destination 192.168.45.3:80`
  const input = [
    '*nat',
    ...ports.map(rule),
    '-A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE',
    'COMMIT',
    '*filter',
    '-A FORWARD -i eth0 -o veth1 -j ACCEPT',
    '-A FORWARD -o eth0 -i veth1 -j ACCEPT',
    'COMMIT',
    '',
  ].join('\n')
  timed({ run: inNamespace(host.host, 'iptables-restore'), input })
}

function arrange(program: string, { name, kind, ports, oneRule }: Arrangement): Host {
  const host = makeHost(name)
  if (kind === 'natspace') publishByNatspace(program, host, ports)
  else if (kind === 'iptables') publishByIptables(host, ports, oneRule === true)
  else makeRoutedSpace(host)
  return host
}

/** One port is that in the middle of those published: a list of rules is searched as far as on the average. */
const measure = ({ kind, ports, asked }: Arrangement, { outside, space }: Host): number =>
  connectionMicroseconds(
    { client: outside, server: space, address: kind === 'none' ? '192.168.45.3' : '192.168.1.32' },
    { first: kind === 'none' ? 80 : asked === 1 ? first + (ports >> 1) : first, count: asked, to: 80 },
    connectionsPerRound,
  )

const method = (warmUps: number, rounds: number): string[] => [
  'A host for each row, all of them there at once: a neighbour on its uplink opens TCP connections to a published port,',
  'the middle one of all, which leads to a listener in the space. Each port is published by itself, with iptables by a',
  'rule. Client and listener are one process, so that nobody has to be woken; a connection is timed from its socket to its',
  `reset, which makes four packets through the host. A figure of a round is the median of ${spelled(connectionsPerRound)} connections; the`,
  `rows take turns, and the figures here are medians of ${rounds} rounds after ${warmUps} to warm up.`,
  'In the last two rows the connections go to all of the ports in turn. That alone costs something, whoever leads them',
  'on: the second of them has one rule for all ports, and shows how much.',
  'A ratio is the median of the ratios within each round.',
]

/** Runs the benchmark. Throws a BenchFailure when a program that is there fails. */
export async function connections({ program, warmUps, rounds, progress }: BenchOptions): Promise<Report> {
  const missing: Readonly<Record<Arrangement['kind'], string | undefined>> = {
    none: undefined,
    natspace: missingCommand(program),
    iptables: missingPrograms('iptables', ['iptables-restore']),
  }
  const compiler = missingCompiler()
  const present = compiler === undefined ? arrangements.filter(({ kind }) => missing[kind] === undefined) : []
  if (present.length > 0) compileLoad()
  const hosts = present.map(arrangement => {
    progress(`connections: making ${arrangement.what}`)
    return { arrangement, host: arrange(program, arrangement) }
  })
  const tasks = hosts.map(({ arrangement, host }) => ({
    name: arrangement.name,
    timed: () => measure(arrangement, host),
  }))
  const times = interleave(tasks, { warmUps, rounds }, (round, of) =>
    progress(`connections: round ${round} of ${of}`),
  )
  for (const { host } of hosts) removeHost(host)
  const rows = present.map(arrangement => rowOf(arrangement, times))
  return {
    name: 'connections',
    title: 'New connections, by how many ports are published',
    method: method(warmUps, rounds),
    machine: describeMachine({
      ...(missing.natspace === undefined ? versionOf(program) : {}),
      ...(missing.iptables === undefined
        ? { iptables: ask('iptables', '-V').replace('iptables v', '') }
        : {}),
    }),
    tables: rows.length === 0 ? [] : [tableOf(rows)],
    missing: [
      ...(compiler === undefined ? [] : [`connections: ${compiler}`]),
      ...Object.entries(missing).flatMap(([kind, why]) => (why === undefined ? [] : [`${kind}: ${why}`])),
    ],
    measures: measuresOf(rows),
    data: { warmUps, rounds, connectionsPerRound, rows },
  }
}

/** Microseconds of one arrangement. `growth`: in relation to one port; `ratio`: natspace's in relation to it. */
type Row = Arrangement & {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly growth?: number
  readonly met?: boolean
  readonly ratio?: number
}

function rowOf(arrangement: Arrangement, times: ReadonlyMap<string, readonly number[]>): Row {
  const { name, kind, ports, asked } = arrangement
  const own = times.get(name) ?? []
  const one = times.get(`${kind}-1`)
  const ours = times.get(asked === 1 ? `natspace-${ports}` : 'natspace-each')
  const growth = one !== undefined && ports > 1 ? pairedRatio(own, one) : undefined
  return {
    ...arrangement,
    median: median(own),
    min: Math.min(...own),
    max: Math.max(...own),
    ...(growth === undefined ? {} : { growth }),
    ...(growth !== undefined && kind === 'natspace' && asked === 1 ? { met: growth <= budget } : {}),
    ...(ours !== undefined && kind !== 'natspace' ? { ratio: pairedRatio(ours, own) } : {}),
  }
}

function measuresOf(rows: readonly Row[]): Measures {
  const growth = rows.find(({ name }) => name === `natspace-${many}`)?.growth
  return growth === undefined ? {} : { 'connection with 10000': growth }
}

const tableOf = (rows: readonly Row[]) => ({
  title: 'A new TCP connection',
  head: ['', 'median µs', 'min', 'max', 'a second', 'to one port', 'budget', 'met', 'natspace / it'],
  rows: rows.map(row => [
    row.what,
    ...[row.median, row.min, row.max].map(value => value.toFixed(1)),
    spelled(Math.round(1e6 / row.median)),
    row.growth?.toFixed(2) ?? '',
    row.met === undefined ? '' : budget.toFixed(2),
    row.met === undefined ? '' : row.met ? 'yes' : 'NO',
    row.ratio?.toFixed(3) ?? '',
  ]),
})

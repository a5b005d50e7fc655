/** What bench/scale.ts measured, as tables and pictures. */
import { budgets, isMet, type Measures } from './lib/budgets.ts'
import { describeMachine } from './lib/machine.ts'
import { type Line, plotSvg } from './lib/plot.ts'
import type { Report, Table } from './lib/report.ts'
import { digits, growth, medianAt, type Series, spread } from './lib/series.ts'
import { pairedRatio } from './lib/statistics.ts'
import { versionOf } from './peers/contender.ts'
import { peers } from './peers/crowd.ts'

type Growing = Map<number, number[]>

/** Milliseconds, and MiB where it says memory, by the count of spaces. */
export type Measured = {
  /** natspace: all spaces at once, the same again, and the commands with all of them there. */
  readonly up: Growing
  readonly upMemory: Growing
  readonly again: Growing
  readonly status: Growing
  readonly ls: Growing
  readonly gc: Growing
  readonly statusOne: Growing
  readonly downOne: Growing
  /** The last of the spaces once more, with all others there. */
  readonly next: Growing
  readonly down: Growing
  /** The C programs: all at once, one more beside natspace's spaces, and reading all namespaces. */
  readonly cUp: Growing
  readonly cUpMemory: Growing
  readonly cNext: Growing
  readonly cRead: Growing
  /** iproute2 and nft: all at once, and listing everything. */
  readonly batchUp: Growing
  readonly batchUpMemory: Growing
  readonly listed: Growing
  /** One more space by each peer, beside others of its own kind. */
  readonly peers: Map<string, Growing>
}

type Limits = { readonly program: string; readonly patience: number; readonly mostByShell: number }

const spelled = (count: number): string => count.toLocaleString('en-US')

/** A row for each tool, and a column for each count. */
const byCount = (
  title: string,
  counts: readonly number[],
  rows: readonly (readonly [what: string, series: Series | undefined])[],
  lastHead: string,
  last: (series: Series) => string,
): Table => ({
  title,
  head: ['', ...counts.map(spelled), lastHead],
  rows: rows.flatMap(([what, series]) =>
    series === undefined ? [] : [[what, ...counts.map(count => spread(series.get(count))), last(series)]],
  ),
})

const timesText = (value: number | undefined): string => (value === undefined ? '' : `${value.toFixed(2)} ×`)

const grown = (series: Series): string => timesText(growth(series, 1000, 10))

/** The median of the ratios within each round. */
const ratioAt = (ours: Series, theirs: Series, count: number): number | undefined => {
  const [a, b] = [ours.get(count), theirs.get(count)]
  return a === undefined || b === undefined || a.length !== b.length ? undefined : pairedRatio(a, b)
}

const each = (series: Series): Series =>
  new Map([...series].map(([count, list]) => [count, list.map(value => value / count)]))

const peerRows = (measured: Measured): [string, Series | undefined][] =>
  peers.map(({ name, what }) => [what, measured.peers.get(name)])

function tablesOf(measured: Measured, counts: readonly number[]): Table[] {
  const { up, cUp, batchUp, next, cNext } = measured
  const columns = [
    ['up again, all right', 'again'],
    ['status', 'status'],
    ['ls', 'ls'],
    ['gc', 'gc'],
    ['status of one', 'statusOne'],
    ['down of one', 'downOne'],
    ['down --all', 'down'],
  ] as const
  return [
    byCount(
      'One more `up`, as the last of so many: milliseconds, and the 1,000th to the 10th',
      counts,
      [
        ['natspace up', next],
        ['the system calls alone, from C, on the same host in turn', cNext],
        ...peerRows(measured),
      ],
      '1,000th / 10th',
      grown,
    ),
    {
      title: 'natspace to each of them: one more `up`, as the last of so many',
      head: ['', ...counts.map(spelled)],
      rows: peerRows(measured).flatMap(([what, series]) =>
        series === undefined
          ? []
          : [
              [
                what,
                ...counts.map(count => {
                  const [ours, theirs] = [medianAt(next, count), medianAt(series, count)]
                  return ours === undefined || theirs === undefined ? '' : (ours / theirs).toFixed(2)
                }),
              ],
            ],
      ),
    },
    {
      title: 'So many spaces at once, a published port each: milliseconds for each of them',
      head: [
        'spaces',
        'natspace up -f',
        'the kernel’s part, from C',
        'ip -batch, nft -f',
        'natspace / C',
        'natspace / batch',
        'budget',
        'MiB: natspace',
        'C',
        'batch',
      ],
      rows: counts.map(count => {
        const ratio = ratioAt(up, cUp, count)
        const isJudged = count === 1000 && ratio !== undefined
        return [
          spelled(count),
          ...[up, cUp, batchUp].map(series => spread(each(series).get(count))),
          ratio?.toFixed(2) ?? '',
          ratioAt(up, batchUp, count)?.toFixed(2) ?? '',
          isJudged ? `${budgets['up of 1000'].limit} ${isMet('up of 1000', ratio) ? 'met' : 'NOT met'}` : '',
          ...[measured.upMemory, measured.cUpMemory, measured.batchUpMemory].map(series =>
            digits(medianAt(series, count)),
          ),
        ]
      }),
    },
    {
      title: 'The other commands with so many spaces there, milliseconds',
      head: ['spaces', ...columns.map(([title]) => title)],
      rows: counts.map(count => [
        spelled(count),
        ...columns.map(([, key]) => spread(measured[key].get(count))),
      ]),
    },
    byCount(
      'Reading all of so many spaces, milliseconds',
      counts,
      [
        ['natspace status', measured.status],
        ['links, addresses and routes, from C, and not looked at', measured.cRead],
        ['the same by iproute2, and nft list ruleset', measured.listed],
      ],
      'natspace / it, of 1,000',
      series =>
        series === measured.status ? '' : (ratioAtMedian(measured.status, series, 1000)?.toFixed(2) ?? ''),
    ),
  ]
}

const ratioAtMedian = (ours: Series, theirs: Series, count: number): number | undefined => {
  const [a, b] = [medianAt(ours, count), medianAt(theirs, count)]
  return a === undefined || b === undefined ? undefined : a / b
}

const line = (label: string, series: Series | undefined): Line[] => {
  const points = [...(series ?? [])].map(([count]) => [count, medianAt(series, count) ?? 0] as const)
  return points.length === 0 ? [] : [{ label, points }]
}

const pictures = (measured: Measured): Record<string, string> => ({
  'images/scale.svg': plotSvg({
    title: 'One more space, as the last of so many',
    horizontal: 'spaces',
    vertical: 'milliseconds',
    lines: [
      ...line('natspace', measured.next),
      ...line('system calls, C', measured.cNext),
      ...line('ip -batch, nft -f', measured.peers.get('batch')),
      ...line('the article’s shell', measured.peers.get('shell')),
      ...line('CNI plugins', measured.peers.get('cni')),
      ...line('netavark', measured.peers.get('netavark')),
    ],
  }),
  'images/scale-at-once.svg': plotSvg({
    title: 'So many spaces at once, for each of them',
    horizontal: 'spaces',
    vertical: 'milliseconds for each',
    lines: [
      ...line('natspace up -f', each(measured.up)),
      ...line('kernel’s part, C', each(measured.cUp)),
      ...line('ip -batch, nft -f', each(measured.batchUp)),
      ...line('natspace down --all', each(measured.down)),
    ],
  }),
  'images/scale-reading.svg': plotSvg({
    title: 'Commands that read, with so many spaces there',
    horizontal: 'spaces',
    vertical: 'milliseconds',
    lines: [
      ...line('status', measured.status),
      ...line('reading alone, C', measured.cRead),
      ...line('iproute2 and nft', measured.listed),
      ...line('up again, all right', measured.again),
      ...line('ls', measured.ls),
      ...line('gc', measured.gc),
    ],
  }),
})

function measuresOf({ up, cUp, next, cNext, status }: Measured): Measures {
  const ratio = ratioAt(up, cUp, 1000)
  const [ours, theirs] = [growth(next, 1000, 10), growth(cNext, 1000, 10)]
  const reading = medianAt(status, 1000)
  return {
    ...(ratio === undefined ? {} : { 'up of 1000': ratio }),
    ...(ours === undefined || theirs === undefined ? {} : { growth: ours / theirs }),
    ...(reading === undefined ? {} : { 'status of 1000': reading }),
  }
}

const method = (measured: Measured, patience: number): string[] => {
  const times = (series: Series, count: number) => series.get(count)?.length ?? 0
  const rounds = [...measured.up.keys()]
    .map(count => `${times(measured.up, count)} of ${spelled(count)}`)
    .join(', ')
  return [
    'One more: the time of the last `up` with all others there. natspace’s spaces are there by one `natspace up -f`, a published',
    'port each, and the C program takes turns with it on the same host. Each other tool is among spaces of its own kind: to have',
    'those made by the tool itself would take up to hours, so namespaces, cables, addresses and routes are made from C, and the',
    'rules are those that the tool leaves for one space, as often as there are spaces, with names, addresses and ports of their',
    'own. Only the last is made by the tool, and timed. What the tool does not do itself (creating the namespace) is counted.',
    'natspace’s turns come first, the peers’ behind them, in turn among themselves: these ratios are those of the medians.',
    'All at once: a spec file of so many spaces, from nothing, by one `natspace up -f`; against a C program that makes as many',
    'namespaces with a veth pair, addresses and a default route, one after another, and nothing else; and against `ip -batch`',
    'and `nft -f` with one `ip -n` for each namespace. Then the other commands with all of them there.',
    `Figures are medians, with the least and the most in brackets, of rounds: ${rounds} spaces, and more where one comes and goes.`,
    `What takes a peer more than ${patience / 1000} s is measured once. Afterwards the host is as before.`,
    '',
    '![One more space, as the last of so many](images/scale.svg)',
    '![So many spaces at once](images/scale-at-once.svg)',
    '![Commands that read](images/scale-reading.svg)',
  ]
}

/** The section. `counts`: those that were measured. */
export function report(
  measured: Measured,
  counts: readonly number[],
  { program, patience, mostByShell }: Limits,
): Report {
  const most = Math.max(...counts)
  const series = Object.entries(measured).filter(([name]) => name !== 'peers') as [string, Growing][]
  const figures = (list: Iterable<[string, Growing]>) =>
    Object.fromEntries([...list].map(([name, own]) => [name, Object.fromEntries(own)]))
  return {
    name: 'scale',
    title: 'Cost against count',
    method: method(measured, patience),
    machine: describeMachine(
      Object.assign(
        versionOf(program),
        ...peers.filter(peer => peer.missing() === undefined).map(peer => peer.versions()),
      ),
    ),
    tables: tablesOf(measured, counts),
    missing: [
      ...peers.flatMap(({ what, missing, most: limit }) => {
        const why = missing()
        if (why !== undefined) return [`${what}: ${why}`]
        return limit === undefined || limit.count >= most
          ? []
          : [`${what}, beyond ${spelled(limit.count)} spaces: ${limit.why}`]
      }),
      ...(most > mostByShell
        ? [
            `all at once, and reading, by iproute2 beyond ${spelled(mostByShell)} spaces: it starts a process in each, with a copy of the mounts of all, and would take minutes`,
          ]
        : []),
    ],
    measures: measuresOf(measured),
    files: pictures(measured),
    data: { counts, ...figures(series), peers: figures(measured.peers) },
  }
}

/** `npm run bench -- scale`: the cost against the count, of natspace and of its peers. */
import { existsSync } from 'node:fs'
import { leftBehind } from './lib/left-behind.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { type Line, plotSvg } from './lib/plot.ts'
import { ask, BenchFailure } from './lib/process.ts'
import type { Report, Table } from './lib/report.ts'
import { restore, snapshot } from './lib/sandbox.ts'
import { median, pairedRatio } from './lib/statistics.ts'
import { batchMany, compileMany, floorMany, missingMany, natspaceMany, type Timed } from './peers/many.ts'

/** With how many spaces; the last takes minutes, and is left out of short runs. */
const counts = [1, 10, 100, 1000, 5000] as const
const longRun = 20
/** Larger counts vary less, and take longer. */
const roundsAt = (count: number, rounds: number): number =>
  Math.max(1, Math.min(rounds, Math.ceil(3000 / count), 10))

/** The shell's way starts a process for each space: beyond this it only takes time. */
const mostByShell = 1000

const budgets = { up: 1.2, status: 60 } as const

type Own = Record<keyof ReturnType<typeof natspaceMany>, Timed>
type Round = { own: Own; floor: number | undefined; batch: number | undefined }

const ownRound = (program: string, count: number): Own => {
  const commands = natspaceMany(program, count)
  const entries = Object.entries(commands).map(([name, run]) => [name, run()] as const)
  restore()
  return Object.fromEntries(entries) as Own
}

const medianOf = (
  rounds: readonly Round[],
  pick: (round: Round) => number | undefined,
): number | undefined => {
  const values = rounds.map(pick).filter(value => value !== undefined)
  return values.length === 0 ? undefined : median(values)
}

const text = (value: number | undefined): string =>
  value === undefined ? '' : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)

const ratioText = (rounds: readonly Round[], pick: (round: Round) => number | undefined): string => {
  const pairs = rounds.flatMap(round => {
    const other = pick(round)
    return other === undefined ? [] : [[round.own.up.milliseconds, other] as const]
  })
  if (pairs.length === 0) return ''
  return pairedRatio(
    pairs.map(([own]) => own),
    pairs.map(([, other]) => other),
  ).toFixed(2)
}

export const scale = async ({ program, rounds, progress }: BenchOptions): Promise<Report> => {
  if (!existsSync(program)) throw new BenchFailure(`${program} is not there: npm run build`)
  const lacking = missingMany()
  if (lacking === undefined) compileMany()
  const before = snapshot()
  const found = new Map<number, Round[]>()
  for (const count of counts) {
    if (count === 5000 && rounds < longRun) continue
    const times = roundsAt(count, rounds)
    const list: Round[] = []
    for (let round = 1; round <= times; round++) {
      progress(`scale: ${count} spaces, round ${round} of ${times}`)
      list.push({
        floor: lacking === undefined ? await floorMany(count) : undefined,
        own: ownRound(program, count),
        batch: count <= mostByShell ? await batchMany(count) : undefined,
      })
      restore()
    }
    found.set(count, list)
  }
  const left = leftBehind(before, snapshot())
  if (left !== 'nothing') throw new BenchFailure(`After all the spaces something is left: ${left}`)
  const rows = [...found]
  const upTable: Table = {
    title: 'So many spaces at once, a published port each: milliseconds in all, and for each space',
    head: [
      'spaces',
      'natspace up -f',
      'each',
      'the kernel’s part, from C',
      'each',
      'ip -batch, nft -f',
      'natspace / C',
      'natspace / batch',
      'budget',
      'peak MB',
    ],
    rows: rows.map(([count, list]) => {
      const [own, floor, batch] = [
        medianOf(list, round => round.own.up.milliseconds),
        medianOf(list, round => round.floor),
        medianOf(list, round => round.batch),
      ]
      const each = (value: number | undefined) => text(value === undefined ? undefined : value / count)
      const ratio = ratioText(list, round => round.floor)
      return [
        String(count),
        text(own),
        each(own),
        text(floor),
        each(floor),
        text(batch),
        ratio,
        ratioText(list, round => round.batch),
        count === 1000 && ratio !== ''
          ? `${budgets.up} ${Number(ratio) <= budgets.up ? 'met' : 'NOT met'}`
          : '',
        text(medianOf(list, round => round.own.up.peakMegabytes)),
      ]
    }),
  }
  const columns = [
    ['up again, all right', 'again'],
    ['status', 'status'],
    ['ls', 'ls'],
    ['gc', 'gc'],
    ['one more up', 'next'],
    ['status of one', 'statusOne'],
    ['down of one', 'downOne'],
    ['down --all', 'down'],
  ] as const
  const otherTable: Table = {
    title: 'The other commands with so many spaces there, milliseconds',
    head: ['spaces', ...columns.map(([title]) => title)],
    rows: rows.map(([count, list]) => [
      String(count),
      ...columns.map(([, key]) => text(medianOf(list, round => round.own[key].milliseconds))),
    ]),
  }
  const statusOf1000 = medianOf(found.get(1000) ?? [], round => round.own.status.milliseconds)
  const line = (label: string, value: (list: Round[], count: number) => number | undefined): Line => ({
    label,
    points: rows.flatMap(([count, list]) => {
      const y = value(list, count)
      return y === undefined ? [] : [[count, y] as const]
    }),
  })
  const svg = plotSvg({
    title: 'Cost against count',
    horizontal: 'spaces',
    vertical: 'milliseconds',
    lines: [
      line('up -f, each space', (list, count) => (medianOf(list, r => r.own.up.milliseconds) ?? 0) / count),
      line('C, each', (list, count) => {
        const all = medianOf(list, r => r.floor)
        return all === undefined ? undefined : all / count
      }),
      line('shell batch, each', (list, count) => {
        const all = medianOf(list, r => r.batch)
        return all === undefined ? undefined : all / count
      }),
      line('one more up', list => medianOf(list, r => r.own.next.milliseconds)),
      line('status of all', list => medianOf(list, r => r.own.status.milliseconds)),
      line('down --all', list => medianOf(list, r => r.own.down.milliseconds)),
    ],
  })
  return {
    name: 'scale',
    title: 'Cost against count',
    method: [
      'A spec file of so many spaces, a published port each, from nothing by one `natspace up -f`, a new process; against a C',
      'program that makes as many namespaces with a veth pair, addresses and a default route, one after another, and nothing else;',
      'and against `ip -batch` and `nft -f` with one `ip -n` for each namespace. Then the other commands with all of them there.',
      'Figures are medians of up to ten rounds, fewer for many spaces; ratios are of the same round. Afterwards the host is as before.',
      `Budget: status of 1000 spaces within ${budgets.status} ms: ${statusOf1000 === undefined ? 'not measured' : statusOf1000 <= budgets.status ? 'met' : `NOT met (${statusOf1000.toFixed(0)} ms)`}.`,
      '![Cost against count](images/scale.svg)',
    ],
    machine: describeMachine({ natspace: ask(program, '--version').replace('natspace ', '') }),
    tables: [upTable, otherTable],
    missing: lacking === undefined ? [] : [`the C program: ${lacking}`],
    files: { 'images/scale.svg': svg },
    data: { counts: Object.fromEntries(found), budgets },
  }
}

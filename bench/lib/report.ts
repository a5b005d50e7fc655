/** A benchmark's outcome as text for a terminal and as Markdown for a document. */
import type { Measures } from './budgets.ts'
import type { Row } from './comparison.ts'
import type { Machine } from './machine.ts'

export type Table = {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly string[][]
}

export type Report = {
  readonly name: string
  /** The document below docs/ that has the section; by default benchmarks.md. */
  readonly document?: string
  readonly title: string
  readonly method: readonly string[]
  readonly machine: Machine
  readonly tables: readonly Table[]
  /** Who could not take part, and what to install. */
  readonly missing: readonly string[]
  /** The figures that are held to budgets. */
  readonly measures?: Measures
  /** Pictures, by their paths below docs/. */
  readonly files?: Readonly<Record<string, string>>
  /** The same figures for a program to read. */
  readonly data: Readonly<Record<string, unknown>>
}

const milliseconds = (value: number): string => value.toFixed(value < 10 ? 2 : 1)

/** A table of timed rows. `ratioTitle` heads the column of ratios. */
export function timesTable(title: string, ratioTitle: string, rows: readonly Row[]): Table {
  const head = ['', 'median ms', 'min', 'max', ratioTitle, 'budget', 'met']
  const cells = rows.map(row => [
    row.what,
    ...[row.median, row.min, row.max].map(milliseconds),
    row.ratio?.toFixed(2) ?? '',
    row.budget?.toFixed(2) ?? '',
    row.met === undefined ? '' : row.met ? 'yes' : 'NO',
  ])
  // A column that says nothing in any row is left out.
  const used = head.map((_, column) => column < 4 || cells.some(row => row[column] !== ''))
  const pick = (row: readonly string[]) => row.filter((_, column) => used[column])
  return { title, head: pick(head), rows: cells.map(pick) }
}

const describe = ({ processor, cores, memory, kernel, versions }: Machine): string =>
  [
    `${processor}, ${cores} cores, ${memory} GiB`,
    kernel,
    ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
  ].join('; ')

function textTable({ title, head, rows }: Table): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map(row => (row[i] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  return [title, ...[head, ...rows].map(row => `  ${line(row)}`)].join('\n')
}

/** The report for a terminal. */
export const asText = (report: Report): string =>
  [
    ...report.tables.map(textTable),
    ...report.missing.map(line => `Not measured: ${line}`),
    `Machine: ${describe(report.machine)}`,
  ].join('\n\n')

function markdownTable({ title, head, rows }: Table): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`
  const rule = `|${head.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`
  return [`### ${title}`, '', line(head), rule, ...rows.map(line)].join('\n')
}

/** The report as a section of its document. It bears no date: the machine and the versions say what it is of. */
export const asMarkdown = (report: Report): string =>
  [
    `## ${report.title}`,
    report.method.join('\n'),
    `Machine: ${describe(report.machine)}.`,
    ...report.tables.map(markdownTable),
    ...report.missing.map(line => `Not measured: ${line}.`),
  ].join('\n\n')

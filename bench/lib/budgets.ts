/**
 * The budgets of natspace, in one place: the sections measure, and say which figure is held to which budget; here is what
 * each may be, and the table of all of them.
 */
import type { Report, Table } from './report.ts'

type Unit = 'ratio' | 'ms' | 'kB' | 'writes' | 'packets'

type Budget = {
  readonly what: string
  readonly unit: Unit
  readonly limit: number
  /** The limit is the least that is good enough; by default it is the most. */
  readonly least?: true
  /** The section that measures it. */
  readonly section: string
  /** Set in addition to those that the design began with. */
  readonly added?: true
}

const articleUp = '`up` of the article’s space with its published port, cold'

export const budgets = {
  'up to shell': {
    what: `${articleUp} / the article’s shell commands`,
    unit: 'ratio',
    limit: 0.4,
    section: 'cold',
  },
  'up to netavark': { what: `${articleUp} / netavark`, unit: 'ratio', limit: 0.25, section: 'cold' },
  'up to cni': {
    what: `${articleUp} / CNI ptp + firewall + portmap`,
    unit: 'ratio',
    limit: 0.18,
    section: 'cold',
  },
  'up of 1000': {
    what: '1,000 spaces, a port each, in one `up -f` / the C program that does only namespace, veth, addresses, route',
    unit: 'ratio',
    limit: 1.2,
    section: 'scale',
  },
  growth: {
    what: 'the 1,000th `up` to the 10th / the same of the C program',
    unit: 'ratio',
    limit: 1,
    section: 'scale',
  },
  'writes again': {
    what: '`up` when all is right already: writes to the kernel',
    unit: 'writes',
    limit: 0,
    section: 'footprint',
  },
  'connection with 10000': {
    what: 'a new connection with 10,000 published ports / that with one',
    unit: 'ratio',
    limit: 1.05,
    section: 'connections',
  },
  'status of 1000': { what: '`status` of 1,000 spaces', unit: 'ms', limit: 60, section: 'scale' },
  'cni add': { what: 'CNI ADD, cold', unit: 'ms', limit: 20, section: 'cni' },
  page: { what: 'the page, gzip', unit: 'kB', limit: 300, section: 'footprint' },
  stream: {
    what: 'a TCP stream out of a space / that by the article’s commands',
    unit: 'ratio',
    limit: 0.97,
    least: true,
    section: 'throughput',
    added: true,
  },
  repair: {
    what: '`nft flush ruleset` until `watch` has repaired it',
    unit: 'ms',
    limit: 50,
    section: 'repair',
    added: true,
  },
  lost: {
    what: 'lost of 200,000 captured packets a second',
    unit: 'packets',
    limit: 0,
    section: 'capture',
    added: true,
  },
} as const satisfies Readonly<Record<string, Budget>>

export type BudgetName = keyof typeof budgets

/** Figures that are held to budgets, each in the unit of its own. */
export type Measures = Readonly<Partial<Record<BudgetName, number>>>

/** Whether a figure is within its budget. */
export const isMet = (name: BudgetName, figure: number): boolean => {
  const budget: Budget = budgets[name]
  return budget.least === true ? figure >= budget.limit : figure <= budget.limit
}

const entries = Object.entries(budgets) as [BudgetName, Budget][]

/** Whether these sections together measure all budgets. */
export const measureAll = (sections: readonly string[]): boolean =>
  entries.every(([, { section }]) => sections.includes(section))

const decimals: Readonly<Record<Unit, number>> = { ratio: 2, ms: 1, kB: 0, writes: 0, packets: 0 }

const numberText = (value: number, unit: Unit): string =>
  value.toLocaleString('en-US', {
    minimumFractionDigits: decimals[unit],
    maximumFractionDigits: decimals[unit],
  })

const withUnit = (value: number, unit: Unit): string =>
  unit === 'ratio' ? `${numberText(value, unit)} ×` : `${numberText(value, unit)} ${unit}`

/** How far a figure is beyond its limit, or within it: how many times the limit it is. Nothing is a multiple of 0. */
const distance = ({ limit }: Budget, figure: number): string =>
  limit === 0 ? '' : (figure / limit).toFixed(2)

const rowOf = ([name, budget]: [BudgetName, Budget], figure: number | undefined): string[] => {
  const { what, unit, limit, section } = budget
  const bound = `${budget.least === true ? 'at least ' : ''}${withUnit(limit, unit)}`
  if (figure === undefined) return [what, bound, 'not measured', '', '', section]
  const verdict = isMet(name, figure) ? 'yes' : 'NO'
  return [what, bound, withUnit(figure, unit), verdict, distance(budget, figure), section]
}

/** What the reports measured, by the names of the budgets. */
export const measuresOf = (reports: readonly Report[]): Measures =>
  Object.assign({}, ...reports.map(({ measures }) => measures ?? {}))

/** All budgets, with what was measured for each. Pure. */
export function budgetTables(measures: Measures): Table[] {
  const head = ['', 'at most', 'measured', 'met', 'measured / budget', 'section']
  const rowsOf = (added: boolean) =>
    entries
      .filter(([, budget]) => (budget.added === true) === added)
      .map(entry => rowOf(entry, measures[entry[0]]))
  return [
    { title: 'Budgets of the design', head, rows: rowsOf(false) },
    { title: 'Budgets that came later', head, rows: rowsOf(true) },
  ]
}

/** The section on all budgets, from the reports of one run, on the machine of the first of them. Throws where there is none. */
export function budgetReport(reports: readonly Report[]): Report {
  const [first] = reports
  if (first === undefined) throw new RangeError('No report to take figures from')
  const measures = measuresOf(reports)
  const unmet = entries.filter(([name]) => {
    const figure = measures[name]
    return figure !== undefined && !isMet(name, figure)
  })
  return {
    name: 'budgets',
    title: 'What it was to be, and what it is',
    method: [
      'All of the figures are of one run of the harness, section by section; each stands in the section that is named, with how',
      'it was measured. A ratio is natspace to the other, the median of the ratios within each round.',
      unmet.length === 0
        ? 'All that was measured is within its budget.'
        : `${unmet.length} of ${entries.filter(([name]) => measures[name] !== undefined).length} that were measured are not within their budget.`,
    ],
    machine: { ...first.machine, versions: {} },
    tables: budgetTables(measures),
    missing: [],
    data: { measures, unmet: unmet.map(([name]) => name) },
  }
}

import { expect, test } from 'bun:test'
import { type BudgetName, budgetReport, budgets, budgetTables, isMet, measureAll } from './budgets.ts'
import type { Report } from './report.ts'

const names = Object.keys(budgets) as BudgetName[]
const sections = names.map(name => budgets[name].section)

const machine = {
  processor: 'a processor',
  cores: 2,
  memory: 8,
  kernel: 'Linux 6.18',
  versions: { natspace: '0.1.0' },
}
const reportOf = (name: string, measures: Report['measures'] = {}): Report => ({
  name,
  title: name,
  method: [],
  machine,
  tables: [],
  missing: [],
  measures,
  data: {},
})

const rowsOf = (measures: NonNullable<Report['measures']>): string[][] =>
  budgetTables(measures).flatMap(({ rows }) => rows)

test('each budget has one row, whether it was measured or not', () => {
  expect(rowsOf({}).length).toBe(names.length)
  expect(rowsOf({}).every(row => row.includes('not measured'))).toBe(true)
})

test('a figure at the limit is within it, and one beyond is not, whichever way it goes', () => {
  expect(isMet('status of 1000', 60)).toBe(true)
  expect(isMet('status of 1000', 60.1)).toBe(false)
  expect(isMet('stream', 0.97)).toBe(true)
  expect(isMet('stream', 0.96)).toBe(false)
  expect(isMet('writes again', 0)).toBe(true)
  expect(isMet('writes again', 1)).toBe(false)
})

test('a row tells the limit, the figure, the verdict, and by how much', () => {
  const row = (name: BudgetName, figure: number) =>
    rowsOf({ [name]: figure }).find(([what]) => what === budgets[name].what)
  expect(row('status of 1000', 90)?.slice(1)).toEqual(['60.0 ms', '90.0 ms', 'NO', '1.50', 'scale'])
  expect(row('up to cni', 0.09)?.slice(1)).toEqual(['0.18 ×', '0.09 ×', 'yes', '0.50', 'cold'])
  expect(row('writes again', 0)?.slice(1)).toEqual(['0 writes', '0 writes', 'yes', '', 'footprint'])
  expect(row('writes again', 3)?.slice(1)).toEqual(['0 writes', '3 writes', 'NO', '', 'footprint'])
  expect(row('stream', 0.95)?.slice(1, 4)).toEqual(['at least 0.97 ×', '0.95 ×', 'NO'])
})

test('the table is made of all reports of a run, and only where they measure everything', () => {
  expect(measureAll(sections)).toBe(true)
  expect(measureAll(sections.filter(section => section !== 'cni'))).toBe(false)
  const report = budgetReport([
    reportOf('scale', { 'status of 1000': 90 }),
    reportOf('cni', { 'cni add': 12 }),
  ])
  expect(report.name).toBe('budgets')
  expect(report.data).toEqual({
    measures: { 'status of 1000': 90, 'cni add': 12 },
    unmet: ['status of 1000'],
  })
  expect(report.method.join(' ')).toContain('1 of 2')
})

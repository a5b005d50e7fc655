import { expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withSection, writeReport } from './document.ts'
import type { Report } from './report.ts'

test('a section is added at the end, and later replaced where it stands', () => {
  const first = withSection('# Title\n', 'cold', 'one')
  const both = withSection(first, 'scale', 'two')
  expect(withSection(both, 'cold', 'three')).toBe(both.replace('one', 'three'))
  expect(both.indexOf('one')).toBeLessThan(both.indexOf('two'))
})

test('writing the same section again changes nothing', () => {
  const once = withSection('# Title\n', 'cold', 'one')
  expect(withSection(once, 'cold', 'one')).toBe(once)
})

test('marks with nothing between them are where a section goes, and what stands around them is kept', () => {
  const before = '# Title\n\n<!-- begin budgets -->\n<!-- end budgets -->\n\n## By hand\n\ntext\n'
  const after = withSection(before, 'budgets', 'table')
  expect(after).toBe(before.replace('budgets -->\n<!--', 'budgets -->\ntable\n<!--'))
  expect(withSection(after, 'budgets', 'table')).toBe(after)
})

test('a report goes to the document that it names, and its pictures beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const report: Report = {
    name: 'profile',
    document: 'performance.md',
    title: 'Where the time goes',
    method: ['By parts.'],
    machine: { processor: 'a processor', cores: 2, memory: 8, kernel: 'Linux 6.18', versions: {} },
    tables: [],
    missing: [],
    files: { 'images/one.svg': '<svg/>' },
    data: {},
  }
  try {
    writeReport(report, folder)
    const text = readFileSync(join(folder, 'performance.md'), 'utf8')
    expect(text).toStartWith('# Performance\n')
    expect(text).toContain(
      '<!-- begin profile -->\n## Where the time goes\n\nBy parts.\n\nMachine: a processor',
    )
    expect(readFileSync(join(folder, 'images/one.svg'), 'utf8')).toBe('<svg/>')
    writeReport(report, folder)
    expect(readFileSync(join(folder, 'performance.md'), 'utf8')).toBe(text)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

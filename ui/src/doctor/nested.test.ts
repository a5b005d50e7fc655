import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Finding, nested } from './nested.ts'

const finding = (code: string, hides: string[] = []): Finding => ({
  code,
  severity: 'error',
  title: code,
  why: '',
  evidence: [],
  fix: { commands: [], undo: [] },
  hides,
})
const told = (findings: Finding[]) =>
  nested(findings).map(cause => [cause.finding.code, ...cause.consequences.map(({ code }) => code)])

test('a consequence stands below its cause', () => {
  expect(told([finding('A', ['B']), finding('B', ['C']), finding('C'), finding('D')])).toEqual([
    ['A', 'B', 'C'],
    ['D'],
  ])
  expect(told([finding('B'), finding('A', ['B'])])).toEqual([['A', 'B']])
})

test('what is hidden by something that was not found is a cause', () => {
  expect(told([finding('B', ['C'])])).toEqual([['B']])
})

test('no finding is ever lost or told twice, whatever hides what', () => {
  const codes = ['A', 'B', 'C', 'D', 'E']
  const some = fc.uniqueArray(fc.constantFrom(...codes))
  fc.assert(
    fc.property(some, fc.array(some, { minLength: 5, maxLength: 5 }), (present, hides) => {
      const findings = present.map((code, index) => finding(code, hides[index] ?? []))
      expect(told(findings).flat().toSorted()).toEqual(present.toSorted())
    }),
  )
})

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { catalogue, type FaultCode, faultCodes } from './catalogue.ts'
import { type Finding, noFix } from './finding.ts'
import { rank } from './rank.ts'

const finding = (code: FaultCode, what: string = code): Finding => ({ code, what, evidence: [], fix: noFix })
const codes = (findings: readonly Finding[]) => findings.map(({ code }) => code)

test('what follows from another is hidden behind it, also over several steps', () => {
  const { causes } = rank([finding('NOT-ANSWERED'), finding('RT-NODEFAULT'), finding('LNK-DOWN')])
  expect(codes(causes)).toEqual(['LNK-DOWN'])
  expect(codes(causes[0]?.hides ?? [])).toEqual(['RT-NODEFAULT', 'NOT-ANSWERED'])
})

test('what is independent is told in the order in which it has to be mended', () => {
  const { causes } = rank([
    finding('DNS-NOBIND'),
    finding('MTU-EGRESS'),
    finding('SYS-FWD0'),
    finding('ADR-DUP'),
  ])
  expect(codes(causes)).toEqual(['ADR-DUP', 'SYS-FWD0', 'MTU-EGRESS', 'DNS-NOBIND'])
})

test('notes are no causes', () => {
  expect(rank([finding('LNK-LO')])).toMatchObject({ causes: [], notes: [{ code: 'LNK-LO' }] })
  expect(codes(rank([finding('REFUSED'), finding('NOT-ANSWERED')]).causes)).toEqual(['NOT-ANSWERED'])
})

test('nothing is lost, whatever is found: each serious finding is a cause, or hidden behind one', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...faultCodes), { maxLength: 12 }), found => {
      const { causes, notes } = rank(found.map(code => finding(code)))
      const all = [...causes.flatMap(cause => [cause, ...cause.hides]), ...notes]
      expect(codes(all).toSorted()).toEqual([...found].sort())
    }),
  )
})

test('what a fault depends on is in the catalogue', () => {
  for (const { dependsOn } of Object.values(catalogue))
    for (const name of dependsOn)
      expect(faultCodes.some(code => (name.endsWith('-') ? code.startsWith(name) : code === name))).toBe(true)
})

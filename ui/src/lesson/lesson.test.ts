import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LabReport } from '../../../src/server/protocol.ts'
import { en } from '../texts/en.ts'
import { zh } from '../texts/zh.ts'
import { commandsByHand, isStep, stepNumbers, verdictOf } from './lesson.ts'

const fixture = (name: string): LabReport =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../fixtures/${name}.json`), 'utf8'))

test('a run works, is cured, or fails as it must, by its proofs', () => {
  expect(verdictOf(fixture('lab-whole'), null)).toBe('works')
  expect(verdictOf(fixture('lab-whole'), 8)).toBe('cured')
  for (const step of [6, 7, 8, 9]) expect(verdictOf(fixture(`lab-without-${step}`), null)).toBe('fails')
})

test('a proof that does not hold, or none at all, is not what had to happen', () => {
  const report = fixture('lab-whole')
  const [first, ...rest] = report.proofs.map(proof => ({ ...proof, ok: false }))
  expect(first).toBeDefined()
  expect(verdictOf({ ...report, proofs: [...report.proofs, ...rest.slice(-1)] }, null)).toBe('unexpected')
  expect(verdictOf({ ...report, proofs: [] }, null)).toBe('unexpected')
})

test('the commands are those that the server has for the steps that can be left out', () => {
  for (const step of [6, 7, 8, 9]) {
    const told = fixture(`lab-without-${step}`).step
    expect(isStep(step) ? commandsByHand[step] : []).toEqual(told?.commands ?? [])
  }
})

test('each step is explained in both languages', () => {
  for (const { lesson } of [en, zh])
    for (const number of stepNumbers)
      expect(Object.values(lesson.parts[number]).filter(text => text.trim() === '')).toEqual([])
  for (const number of stepNumbers) expect(zh.lesson.parts[number].title).toMatch(/\p{Script=Han}/u)
})

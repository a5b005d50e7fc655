import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Walk } from '../../../src/server/protocol.ts'
import { exampleWalk } from './example.test-support.ts'
import { fileNameOf, readWalk, type SavedProblem, writtenWalk } from './saved-walk.ts'

const problem = (found: Walk | SavedProblem) => ('problem' in found ? found.problem : undefined)
const walk = exampleWalk('published')

test('what is saved is read again as it was', () => {
  for (const name of ['answered', 'policy', 'published', 'unpublished'] as const)
    expect(readWalk(writtenWalk(exampleWalk(name)), 1)).toEqual(exampleWalk(name))
})

test('every walk that the server was recorded to give can be read', () => {
  const folder = join(import.meta.dirname, '../../fixtures')
  const names = readdirSync(folder).filter(name => /^(walk|lab)-.*\.json$/.test(name))
  expect(names.length).toBeGreaterThan(4)
  for (const name of names) {
    const given = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    const found = readWalk(JSON.stringify('walk' in given ? given.walk : given), 1)
    expect([name, problem(found), 'problem' in found ? found.detail : '']).toEqual([name, undefined, ''])
  }
})

describe('a file that is no walk of ours', () => {
  test('is told for what it is', () => {
    expect(problem(readWalk('', 1))).toBe('no-json')
    expect(problem(readWalk(writtenWalk(walk).slice(0, -20), 1))).toBe('no-json')
    expect(problem(readWalk('[]', 1))).toBe('no-walk')
    expect(problem(readWalk('null', 1))).toBe('no-walk')
    expect(problem(readWalk('{"format":"other"}', 1))).toBe('no-walk')
    expect(problem(readWalk(JSON.stringify({ ...walk, protocolVersion: 2 }), 1))).toBe('newer')
    expect(problem(readWalk(' '.repeat(17 * 1024 * 1024), 1))).toBe('too-big')
  })

  test('is refused when a field is missing, or is there that nobody knows, or is of another kind', () => {
    const { title: _title, ...untitled } = walk
    expect(readWalk(JSON.stringify(untitled), 1)).toEqual({
      problem: 'damaged',
      detail: 'walk.title: it is missing',
    })
    expect(problem(readWalk(JSON.stringify({ ...walk, onclick: 'alert(1)' }), 1))).toBe('damaged')
    expect(problem(readWalk(JSON.stringify({ ...walk, story: { ...walk.story, notes: [{}] } }), 1))).toBe(
      'damaged',
    )
    expect(problem(readWalk(`{"__proto__":{"x":1},${JSON.stringify(walk).slice(1)}`, 1))).toBe('damaged')
  })

  test('is refused when its lists are longer than anybody could read', () => {
    const events = Array.from({ length: 2001 }, () => walk.story.events[0])
    expect(problem(readWalk(JSON.stringify({ ...walk, story: { ...walk.story, events } }), 1))).toBe(
      'damaged',
    )
  })

  test('never throws, whatever of it was changed', () => {
    const text = JSON.stringify(walk)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 4 }), (at, put) => {
        const found = readWalk(text.slice(0, at) + put + text.slice(at + 1), 1)
        expect(typeof found).toBe('object')
      }),
      { numRuns: 300 },
    )
    fc.assert(fc.property(fc.json(), json => void readWalk(json, 1)))
    expect(problem(readWalk(`${'['.repeat(50_000)}${']'.repeat(50_000)}`, 1))).toBe('no-walk')
  })
})

test('a name for the file has only letters that are harmless', () => {
  expect(fileNameOf({ space: 'web', time: Date.UTC(2026, 10, 23, 8, 30, 59) })).toBe(
    'natspace-walk-web-2026-11-23-083059.json',
  )
  fc.assert(
    fc.property(fc.string(), fc.double(), (space, time) => {
      expect(fileNameOf({ space, time })).toMatch(/^natspace-walk-[\w.-]*\.json$/)
    }),
  )
})

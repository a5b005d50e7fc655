import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Phase, Progress } from '../space/reconcile/work.ts'
import { openProgressLine, ProgressLine, progressText } from './progress.ts'

const phases: Phase[] = ['planning', 'making', 'checking', 'undoing', 'removing', 'reading', 'describing']

/** The text of what has taken so many seconds. */
const after = (seconds: number, progress: Progress, { from = 0, width = 80 } = {}) =>
  progressText({ progress, since: 5000, from }, 5000 + seconds * 1000, width)

describe('the text', () => {
  test('has count, rate, and the time that is left', () => {
    expect(after(0.5, { phase: 'making', done: 915, total: 1464 })).toBe(
      'making  915 of 1,464 changes  ·  1,830/s  ·  0.3 s left',
    )
  })
  test('has the count alone where nobody knows of how many', () => {
    expect(after(2, { phase: 'removing', done: 1234567 })).toBe(
      'taking down  1,234,567 changes  ·  617,284/s',
    )
    expect(after(0, { phase: 'removing', done: 1 })).toBe('taking down  1 change')
  })
  test('speaks of one as one', () => {
    expect(after(1, { phase: 'removing', done: 0, total: 1 })).toBe('taking down  0 of 1 change')
    expect(after(1, { phase: 'undoing', done: 1, total: 1 })).toBe('taking back  1 of 1 change  ·  1.0/s')
    expect(after(1, { phase: 'reading', done: 1, total: 2 })).toContain('1 of 2 spaces')
  })
  test('reckons the rate from when and where it was first looked at', () => {
    expect(after(2, { phase: 'making', done: 600, total: 700 }, { from: 500 })).toContain(
      '·  50/s  ·  2.0 s left',
    )
  })
  test('says no rate before there is one', () => {
    expect(after(0.1, { phase: 'making', done: 100, total: 200 })).toBe('making  100 of 200 changes')
    expect(after(3, { phase: 'making', done: 100, total: 200 }, { from: 100 })).toBe(
      'making  100 of 200 changes',
    )
  })
  for (const [rate, left, text] of [
    [0.5, 3, '0.5/s  ·  6.0 s left'],
    [10, 99, '10/s  ·  9.9 s left'],
    [10, 100, '10/s  ·  10 s left'],
    [10, 599, '10/s  ·  1 min 0 s left'],
    [10, 1250, '10/s  ·  2 min 5 s left'],
    [10, 120_000, '10/s  ·  3 h 20 min left'],
  ] as const)
    test(`tells ${text}`, () => {
      const done = rate * 10
      expect(after(10, { phase: 'making', done, total: done + left })).toEndWith(text)
    })
  test('says that a signal was noticed, where what is begun goes on to its end', () => {
    const text = (phase: Phase) =>
      progressText({ progress: { phase, done: 5, total: 9 }, since: 0, from: 5, isEnding: true }, 0, 80)
    expect(text('removing')).toBe('taking down  5 of 9 changes  ·  ends when this is done')
    expect(text('undoing')).toBe('taking back  5 of 9 changes')
  })
  test('loses its last parts, and then its end, where the terminal is narrow', () => {
    const progress: Progress = { phase: 'making', done: 915, total: 1464 }
    expect(after(0.5, progress, { width: 56 })).toEndWith('left')
    expect(after(0.5, progress, { width: 55 })).toBe('making  915 of 1,464 changes  ·  1,830/s')
    expect(after(0.5, progress, { width: 30 })).toBe('making  915 of 1,464 changes')
    expect(after(0.5, progress, { width: 10 })).toBe('making  9')
  })
  test('fits, and has nothing that a terminal obeys, whatever is told', () => {
    const number = fc.oneof(fc.nat(), fc.double({ min: 0, noNaN: true }))
    fc.assert(
      fc.property(
        fc.constantFrom(...phases),
        number,
        fc.option(number, { nil: undefined }),
        number,
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: 1, max: 300 }),
        (phase, done, total, from, milliseconds, width) => {
          const progress = { phase, done, ...(total === undefined ? {} : { total }) }
          const text = progressText({ progress, since: 0, from }, milliseconds, width)
          expect(text.length).toBeLessThan(Math.max(width, 1))
          expect(text).toMatch(/^[\x20-\x7e·]*$/)
          expect(text).not.toMatch(/NaN|undefined|-\d/)
        },
      ),
    )
  })
})

describe('the line', () => {
  const stage = ({ isFree = () => true, write }: { isFree?: () => boolean; write?: () => void } = {}) => {
    const written: string[] = []
    const line = new ProgressLine({
      width: () => 80,
      isFree,
      write: write ?? (text => void written.push(text)),
    })
    return { line, written }
  }
  const looked = { progress: { phase: 'reading', done: 3 } as const, since: 0, from: 0 }

  test('is written over itself, and erased at the end', () => {
    const { line, written } = stage()
    line.show(looked, 0)
    line.show(looked, 0)
    line.erase()
    line.erase()
    expect(written).toEqual(['\rreading  3 spaces\x1b[K', '\rreading  3 spaces\x1b[K', '\r\x1b[K'])
  })
  test('is not written where nobody can see it, or somebody would have to wait', () => {
    const { line, written } = stage({ isFree: () => false })
    line.show(looked, 0)
    line.erase()
    expect(written).toEqual([])
  })
  test('keeps nobody from working when the terminal is gone', () => {
    const { line } = stage({
      write: () => {
        throw new Error('EIO')
      },
    })
    line.show(looked, 0)
    line.erase()
  })
  test('is only for a person at a terminal', () => {
    const isOpened = (environment: Record<string, string>, options = {}, isAtTerminal = true) => {
      const output = { json: false, quiet: false, ...options }
      return openProgressLine({ output, environment }, () => isAtTerminal) !== undefined
    }
    expect(isOpened({ TERM: 'xterm' })).toBe(true)
    expect(isOpened({ TERM: 'xterm', NO_COLOR: '1', CI: '' })).toBe(true)
    expect(isOpened({ TERM: 'xterm' }, {}, false)).toBe(false)
    const others: Record<string, string>[] = [
      {},
      { TERM: '' },
      { TERM: 'dumb' },
      { TERM: 'xterm', CI: 'true' },
    ]
    for (const environment of others) expect(isOpened(environment)).toBe(false)
    for (const options of [{ json: true }, { quiet: true }])
      expect(isOpened({ TERM: 'xterm' }, options)).toBe(false)
  })
})

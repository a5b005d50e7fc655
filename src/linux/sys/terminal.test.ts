import { expect, test } from 'bun:test'
import { openSync } from 'node:fs'
import { isInForeground, isWritableNow, terminalWidth } from './terminal.ts'

const stat = (name: string, group: number, foreground: number) =>
  `4711 (${name}) R 4000 ${group} 4000 34816 ${foreground} 4194304 100 0 0`

test('who shares a terminal is in the foreground when the terminal is his', () => {
  expect(isInForeground(stat('natspace', 4711, 4711))).toBe(true)
  expect(isInForeground(stat('natspace', 4711, 4000))).toBe(false)
  expect(isInForeground(stat('a) 1 (b', 4711, 4000))).toBe(false)
  // Without a terminal of its own.
  expect(isInForeground(stat('natspace', 4711, -1))).toBe(true)
})

test('what is no terminal has no width', () => {
  const file = openSync('/dev/null', 'w')
  expect(terminalWidth(file)).toBeUndefined()
  expect(isWritableNow(file)).toBe(true)
})

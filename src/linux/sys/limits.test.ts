import { expect, test } from 'bun:test'
import { openFilesIn } from './limits.ts'

test('both limits of open files are read from /proc/PID/limits', () => {
  const text =
    'Limit                     Soft Limit           Hard Limit           Units     \n' +
    'Max open files            1024                 524288               files     \n'
  expect(openFilesIn(text)).toEqual({ soft: 1024, hard: 524288 })
  expect(openFilesIn(text.replace('524288', 'unlimited'))).toBeUndefined()
})

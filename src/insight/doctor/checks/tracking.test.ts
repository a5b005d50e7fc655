import { expect, test } from 'bun:test'
import { parseTrackingCounters } from './tracking.ts'

test('the counters of all processors are added up; they are hexadecimal', () => {
  const text = `entries  clashres found insert insert_failed drop early_drop
00000003  00000000 00000000 00000000 0000000a 00000001 00000000
00000003  00000000 00000000 00000000 00000010 00000002 00000000
`
  expect(parseTrackingCounters(text)).toEqual({ insertFailed: 26, drop: 3 })
})

test('a kernel that tells nothing has counted nothing', () => {
  expect(parseTrackingCounters('')).toEqual({ insertFailed: 0, drop: 0 })
})

import { expect, test } from 'bun:test'
import { brief, bytes } from './numbers.ts'

test('counts are short', () => {
  expect([0, 1, 999, 1000, 1234, 12_345, 999_600, 5.6e6, 2e9].map(brief)).toEqual([
    '0',
    '1',
    '999',
    '1.0k',
    '1.2k',
    '12k',
    '1.0M',
    '5.6M',
    '2.0G',
  ])
})

test('bytes have their unit', () => {
  expect([0, 1023, 1024, 1536, 10 * 1024, 5 * 1024 ** 3].map(bytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '10 KiB',
    '5.0 GiB',
  ])
})

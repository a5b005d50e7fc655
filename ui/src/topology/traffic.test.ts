import { expect, test } from 'bun:test'
import { pace, rateText } from './traffic.ts'

const rate = (sentPackets: number, receivedPackets: number) => ({
  sentPackets,
  receivedPackets,
  sentBytes: 0,
  receivedBytes: 0,
})

test('a silent cable says nothing, and a slow one not nothing', () => {
  expect(rateText(rate(0, 0))).toBe('')
  expect(rateText(rate(0.4, 0))).toBe('↑1 ↓0/s')
  expect(rateText(rate(1234, 5))).toBe('↑1.2k ↓5/s')
})

test('dots run faster with more packets', () => {
  expect([0, 0.5, 50, 1000, 1e6].map(pace)).toEqual([0, 1, 2, 3, 4])
})

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { NatspaceError } from '../errors.ts'
import { formatRate, parseRate, RATE, RATE_PATTERN } from './rate.ts'
import { faultOf, hostileText } from './test-support.ts'

describe('parseRate', () => {
  test.each([
    ['10mbit', 10_000_000],
    ['1.5gbit', 1_500_000_000],
    ['500kbit', 500_000],
    ['8000bit', 8_000],
    ['100gbit', 100_000_000_000],
    ['0.1tbit', 100_000_000_000],
    // Bytes per second, as with tc(8).
    ['1mbps', 8_000_000],
    ['125kbps', 1_000_000],
    ['1000bps', 8_000],
    ['1.25gbps', 10_000_000_000],
    // Powers of 1024.
    ['10mibit', 10_485_760],
    ['1kibps', 8_192],
    ['1gibit', 1_073_741_824],
    // tc(8) does not care about case.
    ['10Mbit', 10_000_000],
    ['1MiBps', 8_388_608],
    ['1.1gbit', 1_100_000_000],
    // Bits that make no whole byte.
    ['8007bit', 8_000],
    ['10.0000001mbit', 10_000_000],
  ])('%s', (text, rate) => {
    expect(parseRate(text)).toBe(rate)
    expect(text).toMatch(RATE_PATTERN)
  })

  test.each([
    ['', 'no number with a unit'],
    ['mbit', 'no number with a unit'],
    ['10 mbit', 'no number with a unit'],
    ['10mb', 'no number with a unit'],
    ['10M', 'no number with a unit'],
    ['10mbit/s', 'no number with a unit'],
    ['-1mbit', 'no number with a unit'],
    ['1e3mbit', 'no number with a unit'],
    ['1,5mbit', 'no number with a unit'],
    ['.5mbit', 'no number with a unit'],
    ['10ibit', 'no number with a unit'],
    [`${'9'.repeat(1000)}bit`, 'no number with a unit'],
    ['50%', 'no speed to take a share of'],
    ['7999bit', 'less than 8kbit'],
    ['100bit', 'less than 8kbit'],
    ['0mbit', 'less than 8kbit'],
    ['100.1gbit', 'more than 100gbit'],
    ['999999999999999tibps', 'more than 100gbit'],
  ])('%s is refused', (text, why) => {
    const fault = faultOf(() => parseRate(text, { field: '--rate-up' }))
    expect(fault).toMatchObject({ code: 'BAD_RATE', exit: 2 })
    expect(fault.what).toStartWith("Cannot use --rate-up '")
    expect(fault.why).toContain(why)
  })

  test('a number without a unit is refused, and the two that may be meant are shown', () => {
    for (const value of [10, '10'] as const) {
      const fault = faultOf(() => parseRate(value))
      expect(fault.code).toBe('BAD_RATE')
      expect(fault.fix).toEqual(["write '10mbit' for megabits per second, or '10bit' for bits"])
    }
  })

  test('any text is a rate in bounds, or BAD_RATE', () => {
    const texts = fc.oneof(
      hostileText,
      fc.string({ unit: fc.constantFrom(...'0123456789.kKmMgGtTiIbBpPsS%- '.split('')), maxLength: 12 }),
    )
    fc.assert(
      fc.property(texts, text => {
        try {
          const rate = parseRate(text)
          expect(rate).toBeGreaterThanOrEqual(RATE.least)
          expect(rate).toBeLessThanOrEqual(RATE.most)
          expect(rate % 8).toBe(0)
        } catch (error) {
          expect(error).toBeInstanceOf(NatspaceError)
          expect((error as NatspaceError).code).toBe('BAD_RATE')
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('formatRate', () => {
  test('the largest unit without a fraction', () => {
    const cases: [number, string][] = [
      [10_000_000, '10mbit'],
      [1_500_000_000, '1500mbit'],
      [8_000, '8kbit'],
      [8_008, '8008bit'],
      [2_000_000_000_000, '2tbit'],
      [0, '0bit'],
    ]
    for (const [rate, text] of cases) expect(formatRate(rate)).toBe(text)
  })

  test('is read back as the same rate', () => {
    const rates = fc.integer({ min: RATE.least / 8, max: RATE.most / 8 }).map(bytes => bytes * 8)
    fc.assert(fc.property(rates, rate => expect(parseRate(formatRate(rate))).toBe(rate)))
  })
})

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  latencyOfLimit,
  limitOfLatency,
  sameTokenBucket,
  type TokenBucket,
  toTokenBucket,
  toTokenBucketOptions,
} from './token-bucket.ts'

const anyBucket: fc.Arbitrary<TokenBucket> = fc.record({
  rate: fc.oneof(fc.integer({ min: 1000, max: 1e7 }), fc.integer({ min: 1e6, max: 12.5e9 })).map(n => n * 8),
  burst: fc.integer({ min: 68, max: 200_000 }),
  limit: fc.nat({ max: 2 ** 32 - 1 }),
})

/** What the kernel lists for what we ask: it keeps the time in nanoseconds and shows whole ticks. */
const listed = (bucket: TokenBucket): TokenBucket => {
  const options = toTokenBucketOptions(bucket)
  const nanoseconds = Math.floor((bucket.burst * 1e9) / Math.floor(bucket.rate / 8))
  const parameters = options.parameters && { ...options.parameters, buffer: Math.floor(nanoseconds / 64) }
  return toTokenBucket({ ...options, ...(parameters && { parameters }) }) as TokenBucket
}

describe('a token bucket', () => {
  test('is the same after it went through the kernel', () => {
    fc.assert(
      fc.property(anyBucket, bucket => {
        const found = listed(bucket)
        expect({ ...found, burst: bucket.burst }).toEqual(bucket)
        expect(sameTokenBucket(bucket, found)).toBe(true)
        // As long as a tick is less than a byte, nothing is lost.
        if (bucket.rate < 8 * 7e6) expect(found.burst).toBe(bucket.burst)
      }),
    )
  })

  test('is another when a number differs', () => {
    const bucket = { rate: 10e6, burst: 5000, limit: 67_500 }
    expect(sameTokenBucket(bucket, { ...bucket, rate: 10e6 + 7 })).toBe(true)
    expect(sameTokenBucket(bucket, { ...bucket, rate: 10e6 + 8 })).toBe(false)
    expect(sameTokenBucket(bucket, { ...bucket, burst: 5001 })).toBe(true)
    expect(sameTokenBucket(bucket, { ...bucket, burst: 5002 })).toBe(false)
    expect(sameTokenBucket(bucket, { ...bucket, limit: 67_501 })).toBe(false)
    expect(sameTokenBucket(bucket, { ...bucket, peakRate: 20e6 })).toBe(false)
  })

  test('has a peak rate only where it was given one', () => {
    const { parameters } = toTokenBucketOptions({ rate: 1e6, burst: 5000, limit: 10_000 })
    if (parameters === undefined) throw new Error('no parameters')
    expect(toTokenBucket({ parameters })).toEqual({ rate: 1e6, burst: 5000, limit: 10_000 })
    const peaked = { ...parameters, peakRate: { ...parameters.peakRate, rate: 250_000 } }
    expect(toTokenBucket({ parameters: peaked })?.peakRate).toBe(2e6)
    expect(toTokenBucket({ parameters, peakRate64: 5_000_000_000n })?.peakRate).toBe(40e9)
    expect(toTokenBucket({})).toBeUndefined()
  })
})

describe('a latency', () => {
  test('is a limit and back', () => {
    expect(limitOfLatency(10e6, 5000, 50)).toBe(67_500)
    expect(latencyOfLimit({ rate: 10e6, burst: 5000, limit: 67_500 })).toBe(50)
    fc.assert(
      fc.property(anyBucket, fc.integer({ min: 1, max: 1000 }), ({ rate, burst }, latency) => {
        const limit = limitOfLatency(rate, burst, latency)
        const found = latencyOfLimit({ rate, burst, limit })
        expect(found).toBeDefined()
        expect(limitOfLatency(rate, burst, found as number)).toBe(limit)
      }),
    )
  })

  test('is none where no whole milliseconds give the limit', () => {
    expect(latencyOfLimit({ rate: 10e6, burst: 5000, limit: 67_501 })).toBeUndefined()
    expect(latencyOfLimit({ rate: 10e6, burst: 5000, limit: 5000 })).toBeUndefined()
    expect(latencyOfLimit({ rate: 10e6, burst: 5000, limit: 1000 })).toBeUndefined()
  })
})

import { attributes, struct } from '../netlink/composite.ts'
import { u8, u16, u32, u64 } from '../netlink/scalars.ts'

/**
 * Theory of operation. A token bucket (tc-tbf(8)) fills with tokens, a byte each, at a steady rate, up to `burst`; a packet
 * takes as many as it is long, or waits, in a queue of `limit` bytes, until there are enough. The kernel counts rates in
 * bytes per second and bursts in time: how long the rate takes for them, in ticks of 64 ns. So a burst that was read back is
 * as exact as a tick is, and two bursts are compared by what a tick is worth.
 */

/** A queueing discipline of kind tbf, as `tc qdisc` shows it. */
export type TokenBucket = {
  /** Bits per second; the kernel keeps whole bytes, so what is left of a byte is cut off. */
  rate: number
  /** Bytes that may go in one go: the size of the bucket. A longer packet is dropped. */
  burst: number
  /** Bytes that may wait, of which `burst` at most go at once. */
  limit: number
  /** Bits per second, where there is a second, small bucket behind the first. Only read, never written. */
  peakRate?: number
}

/** struct tc_ratespec, linux/pkt_sched.h. The cells are for tables that the kernel does not use any more. */
const rateSpec = struct({
  cellLog: u8,
  linkLayer: u8,
  overhead: u16,
  cellAlign: u16,
  mpu: u16,
  /** Bytes per second; all ones when the rate needs 64 bits. */
  rate: u32,
})

/** TCA_TBF_*, linux/pkt_sched.h; `parameters` is struct tc_tbf_qopt, its buffer and mtu in ticks. */
export const tokenBucketOptions = attributes({
  parameters: [
    1,
    struct({ rate: rateSpec, peakRate: rateSpec, limit: u32, buffer: u32, mtu: u32 }),
    'TCA_TBF_PARMS',
  ],
  rate64: [4, u64, 'TCA_TBF_RATE64'],
  peakRate64: [5, u64, 'TCA_TBF_PRATE64'],
  /** Bytes, taken in the place of the parameters' ticks. */
  burst: [6, u32, 'TCA_TBF_BURST'],
  peakBurst: [7, u32, 'TCA_TBF_PBURST'],
})
export type TokenBucketOptions = ReturnType<typeof tokenBucketOptions.decode>

/** Ticks of 64 ns: fixed by PSCHED_SHIFT of net/pkt_sched.h, and the second number of /proc/net/psched. */
export const ticksPerSecond = 1e9 / 64

const most32 = 2 ** 32 - 1
/** TC_LINKLAYER_ETHERNET: says that the kernel computes the times itself; with 0 it wants a table of them. */
const ethernet = 1
/** What tc(8) writes for tables whose cells are eight bytes. */
const cells = { cellLog: 3, cellAlign: 0xffff }

const bytesPerSecond = (rate: number): number => Math.floor(rate / 8)

/** The time that `size` bytes take, in ticks. */
const ticksOf = (size: number, rate: number): number =>
  Math.min(Math.ceil((size * ticksPerSecond) / bytesPerSecond(rate)), most32)

const noRate = { cellLog: 0, linkLayer: 0, overhead: 0, cellAlign: 0, mpu: 0, rate: 0 }

/** The options that ask for a token bucket. */
export const toTokenBucketOptions = ({ rate, burst, limit }: TokenBucket): TokenBucketOptions => {
  const bytes = bytesPerSecond(rate)
  return {
    parameters: {
      rate: { ...noRate, ...cells, linkLayer: ethernet, rate: Math.min(bytes, most32) },
      peakRate: noRate,
      limit,
      buffer: ticksOf(burst, rate),
      mtu: 0,
    },
    burst,
    ...(bytes > most32 ? { rate64: BigInt(bytes) } : {}),
  }
}

/** A token bucket from the options that the kernel lists; undefined when they lack the parameters. */
export const toTokenBucket = (options: TokenBucketOptions): TokenBucket | undefined => {
  const { parameters, rate64, peakRate64 } = options
  if (parameters === undefined) return undefined
  const bytes = rate64 === undefined ? parameters.rate.rate : Number(rate64)
  const peak = peakRate64 === undefined ? parameters.peakRate.rate : Number(peakRate64)
  return {
    rate: bytes * 8,
    burst: Math.round((parameters.buffer * bytes) / ticksPerSecond),
    limit: parameters.limit,
    ...(peak === 0 ? {} : { peakRate: peak * 8 }),
  }
}

/** Whether two token buckets limit alike, as far as the kernel can tell them apart. */
export const sameTokenBucket = (one: TokenBucket, other: TokenBucket): boolean => {
  const bytes = bytesPerSecond(one.rate)
  // Rounding up to a tick, down to a tick, and to a byte.
  const tolerance = (2 * bytes) / ticksPerSecond + 1
  return (
    bytes === bytesPerSecond(other.rate) &&
    one.limit === other.limit &&
    Math.abs(one.burst - other.burst) <= tolerance &&
    one.peakRate === other.peakRate
  )
}

/** The bytes that may wait when no packet is to wait longer than `latency` milliseconds: tc-tbf(8)'s latency as its limit. */
export const limitOfLatency = (rate: number, burst: number, latency: number): number =>
  Math.floor((bytesPerSecond(rate) * latency) / 1000) + burst

/** The most bytes that the kernel can count as a burst of this rate: in ticks, and in a limit of that latency (milliseconds). */
export const longestBurst = (rate: number, latency: number): number =>
  Math.min(
    Math.floor((most32 / ticksPerSecond) * bytesPerSecond(rate)),
    most32 - limitOfLatency(rate, 0, latency),
  )

/** The whole milliseconds that give this limit; undefined when there are none. */
export const latencyOfLimit = ({ rate, burst, limit }: TokenBucket): number | undefined => {
  const latency = Math.ceil(((limit - burst) * 1000) / bytesPerSecond(rate))
  return latency > 0 && limitOfLatency(rate, burst, latency) === limit ? latency : undefined
}

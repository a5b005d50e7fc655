import { type Datatype, integerType } from './datatype.ts'

/** Durations as nft prints them, and the datatypes of time. */

const units: [string, bigint][] = [
  ['d', 86_400_000n],
  ['h', 3_600_000n],
  ['m', 60_000n],
  ['s', 1000n],
  ['ms', 1n],
]

/** Milliseconds as nft prints them: `1d2h3m4s5ms`. Parts that are zero are left out; zero itself is `0s`. */
export const durationText = (milliseconds: bigint): string => {
  let rest = milliseconds
  let text = ''
  for (const [unit, size] of units) {
    if (rest >= size) text += `${rest / size}${unit}`
    rest %= size
  }
  return text === '' ? '0s' : text
}

/** A relative time in milliseconds (timeouts, `ct expiration`). */
export const time: Datatype = {
  ...integerType(18, 'time', { bits: 64, order: 'host' }),
  text: value => durationText(BigInt(value)),
}

const two = (value: number): string => String(value).padStart(2, '0')

/** `meta time`: nanoseconds since 1970, printed in local time, as nft does. */
export const timeDate: Datatype = {
  ...integerType(43, 'time date', { bits: 64, order: 'host' }),
  text(value) {
    const date = new Date(Number(BigInt(value) / 1_000_000n))
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
    return `"${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}"`
  },
}

/** `meta hour`: seconds since midnight UTC, printed in local time; the seconds only when they are not zero. */
export const hour: Datatype = {
  ...integerType(44, 'hour', { bits: 32, order: 'host' }),
  text(value) {
    const seconds = (((Number(value) - new Date().getTimezoneOffset() * 60) % 86_400) + 86_400) % 86_400
    const rest = seconds % 60
    return `"${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}${rest ? `:${two(rest)}` : ''}"`
  },
}

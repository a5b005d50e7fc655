import { limitUnits } from '../compile/compile.ts'
import { durationText } from '../datatypes/times.ts'
import type { StatefulInstruction } from '../expressions/stateful.ts'
import { quoteText } from '../quote.ts'

/** Statements with a memory as nft prints them: the same in rules, in elements and as named objects. */
export const statefulText = (instruction: StatefulInstruction): string => {
  switch (instruction.name) {
    case 'counter':
      return `counter packets ${instruction.data.packets ?? 0n} bytes ${instruction.data.bytes ?? 0n}`
    case 'limit': {
      const { rate = 0n, unit, burst = 0, type, flags = 0 } = instruction.data
      const per =
        Object.entries(limitUnits).find(([, seconds]) => BigInt(seconds) === unit)?.[0] ?? `${unit}s`
      return limitText({
        rate,
        per,
        burst,
        of: type === 'bytes' ? 'bytes' : 'packets',
        over: (flags & 1) !== 0,
      })
    }
    case 'quota': {
      const { bytes = 0n, consumed = 0n, flags = 0 } = instruction.data
      const used = consumed > 0n ? ` used ${sizeText(consumed)}` : ''
      return `quota ${flags & 1 ? 'over ' : ''}${sizeText(bytes)}${used}`
    }
    case 'connlimit': {
      const { count = 0, flags = 0 } = instruction.data
      return `ct count ${flags & 1 ? 'over ' : ''}${count}`
    }
    case 'last': {
      const { set, milliseconds = 0n } = instruction.data
      return `last used ${set ? durationText(milliseconds) : 'never'}`
    }
    default:
      return `unknown ${quoteText(instruction.kernelName)}`
  }
}

const sizeUnits = ['bytes', 'kbytes', 'mbytes'] as const

/** Bytes in the largest unit that leaves no rest: `5 kbytes`. */
export const sizeText = (bytes: bigint): string => {
  let value = bytes
  let unit = 0
  while (unit < sizeUnits.length - 1 && value !== 0n && value % 1024n === 0n) {
    value /= 1024n
    unit++
  }
  return `${value} ${sizeUnits[unit]}`
}

/** nft's default burst of packets, which it does not print. */
const defaultBurst = 5

/** `limit rate …`, without what nft takes for granted. */
export const limitText = (limit: {
  rate: number | bigint
  per: string
  burst: number
  of: 'packets' | 'bytes'
  over: boolean
}): string => {
  const over = limit.over ? 'over ' : ''
  if (limit.of === 'packets') {
    const burst = limit.burst === defaultBurst || limit.burst === 0 ? '' : ` burst ${limit.burst} packets`
    return `limit rate ${over}${limit.rate}/${limit.per}${burst}`
  }
  const burst = limit.burst === 0 ? '' : ` burst ${sizeText(BigInt(limit.burst))}`
  return `limit rate ${over}${sizeText(BigInt(limit.rate))}/${limit.per}${burst}`
}

/** What new elements get: a counter without its numbers, a quota without what is used of it. */
export const statefulDeclaration = (instruction: StatefulInstruction): string => {
  if (instruction.name === 'counter') return 'counter'
  if (instruction.name !== 'quota') return statefulText(instruction)
  const { consumed: _, ...data } = instruction.data
  return statefulText({ name: 'quota', data })
}

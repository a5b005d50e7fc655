import type { Instruction } from '../../expressions/index.ts'
import { natFlags } from '../../expressions/nat.ts'
import { quoteText } from '../../quote.ts'
import { Info } from './info.ts'

/**
 * What a match or target of iptables is about, in nft's words where nft has such, for people to read: nft itself can
 * print it only with the help of iptables. The meaning is in the files beside this one.
 */

type Text = (info: Info, family: 4 | 6) => string | undefined

const names = (mask: number, bits: Readonly<Record<string, number>>): string =>
  Object.entries(bits)
    .flatMap(([name, bit]) => (mask & bit ? name : []))
    .join(',')

/** Translations count as states in iptables. */
const states = { invalid: 1, established: 2, related: 4, new: 8, snat: 0x40, dnat: 0x80, untracked: 0x100 }

const conntrack: Text = info => {
  // Nothing but the state is asked for; bit 13 only says by which name.
  if (!info.has(154) || (info.u16(146) & ~0x2000) !== 1) return undefined
  return `ct state ${info.u16(148) & 1 ? '!= ' : ''}${names(info.u16(150), states)}`
}

const addressTypes = { unspec: 1, unicast: 2, local: 4, broadcast: 8, anycast: 0x10, multicast: 0x20 }

const addrtype: Text = info => {
  if (!info.has(8)) return undefined
  const [source, destination, flags] = [info.u16(0), info.u16(2), info.u32(4)]
  if (flags & ~3) return undefined
  const part = (which: string, mask: number, invert: number) =>
    mask === 0 ? [] : [`fib ${which} type ${flags & invert ? '!= ' : ''}${names(mask, addressTypes)}`]
  return [...part('saddr', source, 1), ...part('daddr', destination, 2)].join(' ')
}

const multiport: Text = info => {
  if (!info.has(48)) return undefined
  const [which, count] = [info.u8(0), info.u8(1)]
  const parts: string[] = []
  for (let i = 0; i < Math.min(count, 15); i++) {
    const first = info.u16(2 + 2 * i)
    const isRange = info.u8(32 + i) !== 0
    if (isRange) i++
    parts.push(isRange ? `${first}-${info.u16(2 + 2 * i)}` : `${first}`)
  }
  const field = ['sport', 'dport', 'port'][which]
  return field === undefined ? undefined : `${field} ${info.u8(47) ? '!= ' : ''}{ ${parts.join(', ')} }`
}

const comment: Text = info =>
  `comment ${quoteText(new TextDecoder().decode(info.bytes).split('\0')[0] ?? '')}`

/** Where a translation leads, of the three structures that nat-target.ts tells apart. */
const to =
  (word: string): Text =>
  (info, family) => {
    const isCompat = info.bytes.length < 40
    if (!info.has(isCompat ? 20 : 40)) return undefined
    const flags = info.u32(isCompat ? 4 : 0)
    const span = (first: string | number, last: string | number) =>
      first === last ? `${first}` : `${first}-${last}`
    const bracketed = (address: string) => (family === 6 ? `[${address}]` : address)
    const address =
      flags & natFlags.mapAddress
        ? span(
            bracketed(info.address(isCompat ? 8 : 4, family)),
            bracketed(info.address(isCompat ? 12 : 20, family)),
          )
        : ''
    const [low, high] = isCompat ? [16, 18] : [36, 38]
    const port = flags & natFlags.protoSpecified ? `:${span(info.be16(low), info.be16(high))}` : ''
    return address + port === '' ? word : `${word} to ${address}${port}`
  }

const matches: Readonly<Record<string, Text>> = { addrtype, comment, conntrack, multiport }

const targets: Readonly<Record<string, Text>> = {
  DNAT: to('dnat'),
  SNAT: to('snat'),
  MASQUERADE: to('masquerade'),
  REDIRECT: to('redirect'),
  REJECT: () => 'reject',
  LOG: () => 'log',
}

/** A match or target of iptables as a text; undefined for other instructions, and for what is not known better than by name. */
export const xtText = (instruction: Instruction, family: 4 | 6): string | undefined => {
  if (instruction.name !== 'match' && instruction.name !== 'target') return undefined
  const texts = instruction.name === 'match' ? matches : targets
  const { name = '', info } = instruction.data
  return Object.hasOwn(texts, name) ? texts[name]?.(new Info(info), family) : undefined
}

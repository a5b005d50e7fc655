import type { FibFlag } from '../../expressions/fib.ts'
import { within } from '../bits.ts'
import { addressTypeNumber } from '../fib.ts'
import { addressBits } from '../header-bytes.ts'
import type { Packet } from '../packet.ts'
import { all, inverted, type Truth } from '../truth.ts'
import type { XtMatch } from './match.ts'

/** XT_ADDRTYPE_*: inverted source and destination, and the interface that the look-up is limited to. */
const addrtypeFlags = { invertSource: 1, invertDestination: 2, limitIn: 4, limitOut: 8 } as const

/** struct xt_addrtype_info_v1 and its revision 0, linux/netfilter/xt_addrtype.h. Equivalent to: `-m addrtype` */
export const addrtype: XtMatch = (info, { state: { packet } }, revision) => {
  if (revision > 1 || !info.has(revision === 1 ? 8 : 12)) return 'unknown'
  const [source, destination] = [info.u16(0), info.u16(2)]
  const flags = info.u32(4)
  const [invertSource, invertDestination] =
    revision === 1
      ? [(flags & addrtypeFlags.invertSource) !== 0, (flags & addrtypeFlags.invertDestination) !== 0]
      : [flags !== 0, info.u32(8) !== 0]
  const limits: FibFlag[] =
    revision === 0
      ? []
      : [
          ...(flags & addrtypeFlags.limitIn ? (['iif'] as const) : []),
          ...(flags & addrtypeFlags.limitOut ? (['oif'] as const) : []),
        ]
  const ofAddress = (which: 'saddr' | 'daddr', mask: number, invert: boolean): Truth =>
    mask === 0 ? true : inverted(hasType(packet, [which, ...limits], mask), invert)
  return all([ofAddress('saddr', source, invertSource), ofAddress('daddr', destination, invertDestination)])
}

const hasType = (packet: Packet, flags: readonly FibFlag[], mask: number): Truth => {
  const number = addressTypeNumber(packet.fib?.({ flags, result: 'type', packet }))
  return number === undefined ? 'unknown' : (mask & (1 << number)) !== 0
}

/** IPRANGE_*. */
const iprangeFlags = { source: 1, destination: 2, invertSource: 0x10, invertDestination: 0x20 } as const

/** struct xt_iprange_mtinfo, linux/netfilter/xt_iprange.h: four addresses and flags. Equivalent to: `-m iprange` */
export const iprange: XtMatch = (info, { state: { packet } }, revision) => {
  if (revision !== 1 || !info.has(65)) return 'unknown'
  const flags = info.u8(64)
  const length = packet.family === 4 ? 4 : 16
  const fits = (flag: number, invert: number, address: string | undefined, offset: number): Truth =>
    (flags & flag) === 0
      ? true
      : inverted(
          within(addressBits(address, length), info.part(offset, length), info.part(offset + 16, length)),
          (flags & invert) !== 0,
        )
  return all([
    fits(iprangeFlags.source, iprangeFlags.invertSource, packet.source, 0),
    fits(iprangeFlags.destination, iprangeFlags.invertDestination, packet.destination, 32),
  ])
}

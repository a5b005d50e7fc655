import { and, type Bits, compare, integerBits, xor } from '../bits.ts'
import type { State } from '../state.ts'
import { inverted, type Truth } from '../truth.ts'
import type { Info } from './info.ts'
import type { XtMatch } from './match.ts'

/** (mark & mask) == value, of the structures that begin with value and mask. */
const fits = (info: Info, mark: Bits): Truth =>
  info.has(9)
    ? inverted(
        compare(and(mark, integerBits(info.u32(4), 4)), '==', integerBits(info.u32(0), 4).value),
        info.u8(8) !== 0,
      )
    : 'unknown'

/** struct xt_mark_mtinfo1, linux/netfilter/xt_mark.h. Equivalent to: `-m mark` */
export const mark: XtMatch = (info, { state }) => fits(info, state.mark)

/** struct xt_connmark_mtinfo1, linux/netfilter/xt_connmark.h. Equivalent to: `-m connmark` */
export const connmark: XtMatch = (info, { state }) => fits(info, state.ctMark)

/** (mark & ~mask) ^ value. */
const changed = (mark: Bits, mask: number, value: Bits): Bits =>
  xor(and(mark, integerBits(~mask >>> 0, 4)), value)

/** struct xt_mark_tginfo2, linux/netfilter/xt_mark.h. Equivalent to: `-j MARK` */
export const setMark = (info: Info, state: State): State =>
  info.has(8)
    ? { ...state, mark: changed(state.mark, info.u32(4), integerBits(info.u32(0), 4)) }
    : { ...state, mark: integerBits(undefined, 4) }

const modes = { set: 0, save: 1, restore: 2 } as const

/**
 * struct xt_connmark_tginfo1, linux/netfilter/xt_connmark.h: value, two masks and a mode; in revision 2 a shift stands in
 * front of the mode. Equivalent to: `-j CONNMARK`
 */
export const setConnectionMark = (info: Info, state: State, revision: number): State => {
  const modeAt = revision === 2 ? 14 : 12
  const isShifted = revision === 2 && info.has(15) && info.u8(13) !== 0
  if (!info.has(modeAt + 1) || revision > 2 || isShifted)
    return { ...state, mark: integerBits(undefined, 4), ctMark: integerBits(undefined, 4) }
  const [value, ctMask, mask, mode] = [info.u32(0), info.u32(4), info.u32(8), info.u8(modeAt)]
  if (mode === modes.set) return { ...state, ctMark: changed(state.ctMark, ctMask, integerBits(value, 4)) }
  if (mode === modes.save)
    return { ...state, ctMark: changed(state.ctMark, ctMask, and(state.mark, integerBits(mask, 4))) }
  return { ...state, mark: changed(state.mark, mask, and(state.ctMark, integerBits(ctMask, 4))) }
}

import type { SetState } from './model.ts'

/**
 * Whether a set is a list of single addresses with a name. Such lists can have tens of thousands of elements, as those
 * who block addresses keep them; all others are small.
 */
export const isAddressList = ({ anonymous, key, data }: SetState): boolean =>
  !anonymous && data === undefined && key.length === 1 && /^ipv[46]_addr$/.test(key[0] ?? '')

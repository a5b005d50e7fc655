import { attributes } from '../../netlink/composite.ts'
import { be32, u8 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** enum nft_ct_keys, by nft's words; the addresses that carry their family are `ip saddr` and so on there. */
export const ctKeys = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  secmark: 4,
  expiration: 5,
  helper: 6,
  l3proto: 7,
  saddr: 8,
  daddr: 9,
  protocol: 10,
  'proto-src': 11,
  'proto-dst': 12,
  label: 13,
  packets: 14,
  bytes: 15,
  avgpkt: 16,
  zone: 17,
  event: 18,
  'ip saddr': 19,
  'ip daddr': 20,
  'ip6 saddr': 21,
  'ip6 daddr': 22,
  id: 23,
} as const
export type CtKey = keyof typeof ctKeys

/** Loads or sets a fact of the packet's connection. enum nft_ct_attributes; direction: 0 original, 1 reply. */
export const ctExpression = attributes({
  key: [2, named32(ctKeys), 'NFTA_CT_KEY'],
  dreg: [1, be32, 'NFTA_CT_DREG'],
  direction: [3, u8, 'NFTA_CT_DIRECTION'],
  sreg: [4, be32, 'NFTA_CT_SREG'],
})

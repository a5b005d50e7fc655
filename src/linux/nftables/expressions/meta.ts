import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** enum nft_meta_keys, by the words nft uses (`meta iifname`). */
export const metaKeys = {
  length: 0,
  protocol: 1,
  priority: 2,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  oiftype: 9,
  skuid: 10,
  skgid: 11,
  nftrace: 12,
  rtclassid: 13,
  secmark: 14,
  nfproto: 15,
  l4proto: 16,
  ibrname: 17,
  obrname: 18,
  pkttype: 19,
  cpu: 20,
  iifgroup: 21,
  oifgroup: 22,
  cgroup: 23,
  random: 24,
  ipsec: 25,
  iifkind: 26,
  oifkind: 27,
  ibrpvid: 28,
  ibrvproto: 29,
  time: 30,
  day: 31,
  hour: 32,
  sdif: 33,
  sdifname: 34,
  broute: 35,
} as const
export type MetaKey = keyof typeof metaKeys

/** Loads a fact about the packet into a register, or stores a register into it. enum nft_meta_attributes. */
export const metaExpression = attributes({
  key: [2, named32(metaKeys), 'NFTA_META_KEY'],
  dreg: [1, be32, 'NFTA_META_DREG'],
  sreg: [3, be32, 'NFTA_META_SREG'],
})

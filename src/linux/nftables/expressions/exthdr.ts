import { attributes } from '../../netlink/composite.ts'
import { be32, u8 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** enum nft_exthdr_op: what kind of optional header. */
export const exthdrKinds = { ipv6: 0, tcpopt: 1, ipv4: 2, sctp: 3, dccp: 4 } as const

/** NFT_EXTHDR_F_PRESENT: load 1 or 0 for whether the header is there. */
export const exthdrPresent = 1

/** Loads, writes or (without registers) removes a part of an optional header. enum nft_exthdr_attributes. */
export const exthdrExpression = attributes({
  sreg: [7, be32, 'NFTA_EXTHDR_SREG'],
  dreg: [1, be32, 'NFTA_EXTHDR_DREG'],
  type: [2, u8, 'NFTA_EXTHDR_TYPE'],
  offset: [3, be32, 'NFTA_EXTHDR_OFFSET'],
  length: [4, be32, 'NFTA_EXTHDR_LEN'],
  kind: [6, named32(exthdrKinds), 'NFTA_EXTHDR_OP'],
  flags: [5, be32, 'NFTA_EXTHDR_FLAGS'],
})

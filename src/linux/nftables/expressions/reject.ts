import { attributes } from '../../netlink/composite.ts'
import { u8 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** Drops the packet and tells its sender. enum nft_reject_attributes, nft_reject_types. */
export const rejectExpression = attributes({
  type: [1, named32({ icmp: 0, tcpReset: 1, icmpx: 2 }), 'NFTA_REJECT_TYPE'],
  code: [2, u8, 'NFTA_REJECT_ICMP_CODE'],
})

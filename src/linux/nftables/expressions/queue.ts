import { attributes } from '../../netlink/composite.ts'
import { be16, be32 } from '../../netlink/scalars.ts'

/** NFT_QUEUE_FLAG_*. */
export const queueFlags = { bypass: 1, fanout: 2 } as const

/** Hands the packet to a program. enum nft_queue_attributes. */
export const queueExpression = attributes({
  number: [1, be16, 'NFTA_QUEUE_NUM'],
  total: [2, be16, 'NFTA_QUEUE_TOTAL'],
  flags: [3, be16, 'NFTA_QUEUE_FLAGS'],
  sreg: [4, be32, 'NFTA_QUEUE_SREG_QNUM'],
})

import { attributes } from '../../netlink/composite.ts'
import { be64 } from '../../netlink/scalars.ts'

/** Counts what comes by. enum nft_counter_attributes. */
export const counterExpression = attributes({
  bytes: [1, be64, 'NFTA_COUNTER_BYTES'],
  packets: [2, be64, 'NFTA_COUNTER_PACKETS'],
})

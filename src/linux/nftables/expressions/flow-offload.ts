import { attributes } from '../../netlink/composite.ts'
import { cstring } from '../../netlink/scalars.ts'

/** Moves the connection to a flowtable. enum nft_offload_attributes. */
export const flowOffloadExpression = attributes({
  table: [1, cstring, 'NFTA_FLOW_TABLE_NAME'],
})

import { type MessageOf, message } from '../../netlink/message.ts'
import { be32, cstring } from '../../netlink/scalars.ts'
import { nfgenmsg } from './header.ts'

/** NFT_MSG_NEWGEN and NFT_MSG_GETGEN, enum nft_gen_attributes: the number of the ruleset's state, and who made it. */
export const generationMessage = message('NFT_GEN', nfgenmsg, {
  id: [1, be32, 'NFTA_GEN_ID'],
  processId: [2, be32, 'NFTA_GEN_PROC_PID'],
  processName: [3, cstring, 'NFTA_GEN_PROC_NAME'],
})
export type GenerationMessage = MessageOf<typeof generationMessage>

/**
 * NFNL_MSG_BATCH_BEGIN and NFNL_MSG_BATCH_END, enum nfnl_batch_attributes: what lies between is carried out as a whole
 * or not at all; with a generation only if nobody changed the ruleset since.
 */
export const batchMessage = message('NFNL_BATCH', nfgenmsg, {
  generation: [1, be32, 'NFNL_BATCH_GENID'],
})
export type BatchMessage = MessageOf<typeof batchMessage>

/** linux/netfilter/nfnetlink.h; the subsystem that the batch is for stands in the header's resourceId. */
export const batchTypes = { NFNL_MSG_BATCH_BEGIN: 16, NFNL_MSG_BATCH_END: 17, subsystem: 10 } as const

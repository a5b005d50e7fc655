import { attributes } from '../../netlink/composite.ts'
import { be32, be64 } from '../../netlink/scalars.ts'

/** Goes on until so many bytes were seen (NFT_QUOTA_F_INV: from then on). enum nft_quota_attributes. */
export const quotaExpression = attributes({
  bytes: [1, be64, 'NFTA_QUOTA_BYTES'],
  consumed: [4, be64, 'NFTA_QUOTA_CONSUMED'],
  flags: [2, be32, 'NFTA_QUOTA_FLAGS'],
})

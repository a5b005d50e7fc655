import { attributes } from '../../netlink/composite.ts'
import { be32, u8 } from '../../netlink/scalars.ts'

/** Loads a guess at the sender's operating system. enum nft_osf_attributes; ttl: 0 compare, 1 loose, 2 skip. */
export const osfExpression = attributes({
  dreg: [1, be32, 'NFTA_OSF_DREG'],
  ttl: [2, u8, 'NFTA_OSF_TTL'],
  flags: [3, be32, 'NFTA_OSF_FLAGS'],
})

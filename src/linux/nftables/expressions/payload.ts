import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** enum nft_payload_bases: from where an offset counts. */
export const payloadBases = { link: 0, network: 1, transport: 2, inner: 3, tunnel: 4 } as const
export type PayloadBase = keyof typeof payloadBases

/** Loads bytes of the packet, or writes them and mends the checksum. Offsets and lengths in bytes. enum nft_payload_attributes. */
export const payloadExpression = attributes({
  sreg: [5, be32, 'NFTA_PAYLOAD_SREG'],
  dreg: [1, be32, 'NFTA_PAYLOAD_DREG'],
  base: [2, named32(payloadBases), 'NFTA_PAYLOAD_BASE'],
  offset: [3, be32, 'NFTA_PAYLOAD_OFFSET'],
  length: [4, be32, 'NFTA_PAYLOAD_LEN'],
  checksumType: [6, be32, 'NFTA_PAYLOAD_CSUM_TYPE'],
  checksumOffset: [7, be32, 'NFTA_PAYLOAD_CSUM_OFFSET'],
  checksumFlags: [8, be32, 'NFTA_PAYLOAD_CSUM_FLAGS'],
})

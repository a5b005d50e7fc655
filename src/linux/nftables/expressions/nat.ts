import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** NF_NAT_RANGE_* of linux/netfilter/nf_nat.h. */
export const natFlags = {
  mapAddress: 0x1,
  protoSpecified: 0x2,
  random: 0x4,
  persistent: 0x8,
  fullyRandom: 0x10,
  protoOffset: 0x20,
  netmap: 0x40,
} as const

/** Rewrites source or destination from registers (addresses and ports, first and last). enum nft_nat_attributes. */
export const natExpression = attributes({
  type: [1, named32({ snat: 0, dnat: 1 }), 'NFTA_NAT_TYPE'],
  family: [2, named32({ ip: 2, ip6: 10 }), 'NFTA_NAT_FAMILY'],
  addressMin: [3, be32, 'NFTA_NAT_REG_ADDR_MIN'],
  addressMax: [4, be32, 'NFTA_NAT_REG_ADDR_MAX'],
  portMin: [5, be32, 'NFTA_NAT_REG_PROTO_MIN'],
  portMax: [6, be32, 'NFTA_NAT_REG_PROTO_MAX'],
  flags: [7, be32, 'NFTA_NAT_FLAGS'],
})

import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** Loads a fact of the local socket that the packet belongs to. enum nft_socket_attributes, nft_socket_keys. */
export const socketExpression = attributes({
  key: [1, named32({ transparent: 0, mark: 1, wildcard: 2, cgroupv2: 3 }), 'NFTA_SOCKET_KEY'],
  dreg: [2, be32, 'NFTA_SOCKET_DREG'],
  level: [3, be32, 'NFTA_SOCKET_LEVEL'],
})

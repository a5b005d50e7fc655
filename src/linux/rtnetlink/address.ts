import { ipFamily } from '../net/ip.ts'
import { struct } from '../netlink/composite.ts'
import { type Request, request } from '../netlink/connection.ts'
import { type MessageOf, message, NLM_F } from '../netlink/message.ts'
import { cstring, ip, u8, u32 } from '../netlink/scalars.ts'
import { familyNumber, RTM } from './types.ts'

const header = struct({ family: u8, prefixLength: u8, flags: u8, scope: u8, index: u32 })

/** RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR. struct ifaddrmsg, linux/if_addr.h. Equivalent to: `ip address …` */
export const addressMessage = message('struct ifaddrmsg', header, {
  /** On point-to-point links the peer's address; the own one is `local`. */
  address: [1, ip, 'IFA_ADDRESS'],
  local: [2, ip, 'IFA_LOCAL'],
  label: [3, cstring, 'IFA_LABEL'],
  broadcast: [4, ip, 'IFA_BROADCAST'],
  /** Seconds; 0xffffffff is for ever. */
  cacheInfo: [6, struct({ preferred: u32, valid: u32, created: u32, updated: u32 }), 'IFA_CACHEINFO'],
  /** The same bits as the header's flags, and those that do not fit there. */
  flags: [8, u32, 'IFA_FLAGS'],
  protocol: [11, u8, 'IFA_PROTO'],
} as const)
export type AddressMessage = MessageOf<typeof addressMessage>

/** As addressMessage, for reading lists: only what an Address has. */
export const listedAddressMessage = message(
  'struct ifaddrmsg',
  header,
  { address: [1, ip, 'IFA_ADDRESS'], local: [2, ip, 'IFA_LOCAL'], flags: [8, u32, 'IFA_FLAGS'] } as const,
  false,
)

/** One address of a link. */
export type Address = {
  /** Index of the link. */
  index: number
  family: 4 | 6
  address: string
  prefixLength: number
  /** RT_SCOPE_*: 0 global, 253 link, 254 host. */
  scope: number
  flags: number
}

const IFA_F_NODAD = 0x02
/** IFA_F_NOPREFIXROUTE: the kernel makes no route to the subnet of the address. */
export const noPrefixRouteFlag = 0x200

/** An address from its message. */
export const toAddress = ({ header, attributes }: MessageOf<typeof listedAddressMessage>): Address => ({
  index: header.index,
  family: header.family === familyNumber(4) ? 4 : 6,
  address: attributes.local ?? attributes.address ?? '',
  prefixLength: header.prefixLength,
  scope: header.scope,
  flags: attributes.flags ?? header.flags,
})

/** All addresses, or those of the link with an index. Equivalent to: `ip address show [dev NAME]` */
export const listAddresses = (index = 0): Request =>
  request('RTM_GETADDR', RTM.getAddress, 0, addressMessage, {
    header: { family: 0, prefixLength: 0, flags: 0, scope: 0, index },
    attributes: {},
  })

/** An address to be added or removed. */
export type AddressChange = {
  index: number
  address: string
  prefixLength: number
  /** Without the route to its subnet that the kernel would add. */
  noPrefixRoute?: boolean
}

const addressValue = ({
  index,
  address,
  prefixLength,
  noPrefixRoute = false,
}: AddressChange): AddressMessage => {
  const family = ipFamily(address) ?? 4
  const flags = family === 6 ? IFA_F_NODAD : 0
  return {
    // No duplicate address detection on a cable with two ends that are both ours: it would delay the address.
    header: {
      family: familyNumber(family),
      prefixLength,
      flags,
      scope: 0,
      index,
    },
    attributes: { local: address, address, ...(noPrefixRoute ? { flags: flags | noPrefixRouteFlag } : {}) },
  }
}

/** Adds an address; EEXIST if it is there. Equivalent to: `ip address add ADDRESS/LENGTH dev NAME [noprefixroute]` */
export const addAddress = (change: AddressChange): Request =>
  request('RTM_NEWADDR', RTM.newAddress, NLM_F.create | NLM_F.exclusive, addressMessage, addressValue(change))

/** Removes an address. Equivalent to: `ip address delete ADDRESS/LENGTH dev NAME` */
export const deleteAddress = (change: AddressChange): Request =>
  request('RTM_DELADDR', RTM.deleteAddress, 0, addressMessage, addressValue(change))

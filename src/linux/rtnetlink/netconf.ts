import { struct } from '../netlink/composite.ts'
import { type MessageOf, message } from '../netlink/message.ts'
import { i32, u8 } from '../netlink/scalars.ts'
import { AF } from './types.ts'

/**
 * RTM_NEWNETCONF, an event: somebody changed a sysctl of net.ipv4.conf or net.ipv6.conf that decides about forwarding.
 * struct netconfmsg, linux/netconf.h. Equivalent to a line of: `ip monitor netconf`
 */
export const netconfMessage = message('struct netconfmsg', struct({ family: u8 }), {
  index: [1, i32, 'NETCONFA_IFINDEX'],
  forwarding: [2, i32, 'NETCONFA_FORWARDING'],
  reversePathFilter: [3, i32, 'NETCONFA_RP_FILTER'],
})
export type NetconfMessage = MessageOf<typeof netconfMessage>

/** A changed setting of a link, or of all or future ones. */
export type Netconf = {
  family: 4 | 6
  /** Index of the link; 'all' and 'default' are the settings of these names. */
  link: number | 'all' | 'default'
  forwarding: boolean | undefined
  /** rp_filter: 0 off, 1 strict, 2 loose. */
  reversePathFilter: number | undefined
}

const NETCONFA_IFINDEX_ALL = -1
const NETCONFA_IFINDEX_DEFAULT = -2

/** A setting from its message. */
export const toNetconf = ({ header, attributes }: NetconfMessage): Netconf => {
  const { index = NETCONFA_IFINDEX_ALL, forwarding, reversePathFilter } = attributes
  return {
    family: header.family === AF.inet ? 4 : 6,
    link: index === NETCONFA_IFINDEX_ALL ? 'all' : index === NETCONFA_IFINDEX_DEFAULT ? 'default' : index,
    forwarding: forwarding === undefined ? undefined : forwarding !== 0,
    reversePathFilter,
  }
}

import { struct } from '../netlink/composite.ts'
import { type Connection, request } from '../netlink/connection.ts'
import { message } from '../netlink/message.ts'
import { i32, u8, u32 } from '../netlink/scalars.ts'
import type { Descriptor } from '../sys/descriptor.ts'
import { RTM } from './types.ts'

/** RTM_GETNSID: the number by which one namespace names another one. struct rtgenmsg, linux/net_namespace.h. */
const namespaceIdMessage = message('struct rtgenmsg', struct({ family: u8 }), {
  id: [1, i32, 'NETNSA_NSID'],
  descriptor: [3, u32, 'NETNSA_FD'],
})

/**
 * The number by which the namespace of a socket names another one, as in `peerNamespaceId` of its links; undefined when it
 * names it by none. Equivalent to: `ip netns list-id`. Throws NetlinkError.
 */
export const readNamespaceId = (route: Connection, other: Descriptor | undefined): number | undefined => {
  if (other === undefined) return undefined
  const [replies] = route.execute([
    request('RTM_GETNSID', RTM.getNamespaceId, 0, namespaceIdMessage, {
      header: { family: 0 },
      attributes: { descriptor: other.number },
    }),
  ])
  const payload = replies?.[0]?.payload
  if (payload === undefined) return undefined
  const { id } = namespaceIdMessage.decode(payload, 0, payload.length).attributes
  // NETNSA_NSID_NOT_ASSIGNED is -1.
  return id === undefined || id < 0 ? undefined : id
}

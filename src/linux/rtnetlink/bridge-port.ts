import { attributes, struct } from '../netlink/composite.ts'
import { Connection, type Request, request } from '../netlink/connection.ts'
import { message } from '../netlink/message.ts'
import { i32, u8, u16, u32 } from '../netlink/scalars.ts'
import { openNamespace } from '../sys/namespace.ts'
import { NETLINK_ROUTE, RTM } from './types.ts'

/** Ports of bridges: link messages of the family AF_BRIDGE, linux/if_bridge.h. Equivalent to: `bridge -d link …` */

const AF_BRIDGE = 7

/** BR_STATE_*, of the spanning tree (IEEE 802.1D). */
export const portState = { disabled: 0, listening: 1, learning: 2, forwarding: 3, blocking: 4 } as const

export type BridgePort = {
  index: number
  /** Of `portState`. */
  state: number
  /** Passes nothing to other isolated ports. */
  isolated: boolean
}

const portMessage = message(
  'struct ifinfomsg',
  struct({ family: u8, pad: u8, type: u16, index: i32, flags: u32, change: u32 }),
  {
    port: [
      12,
      attributes({ state: [1, u8, 'IFLA_BRPORT_STATE'], isolated: [33, u8, 'IFLA_BRPORT_ISOLATED'] }),
      'IFLA_PROTINFO',
    ],
  } as const,
)

const header = (index: number) => ({ family: AF_BRIDGE, pad: 0, type: 0, index, flags: 0, change: 0 })

/** Puts a port into a state. Equivalent to: `bridge link set dev PORT state STATE` */
export const setBridgePort = (index: number, state: keyof typeof portState): Request =>
  request('RTM_SETLINK', RTM.setLink, 0, portMessage, {
    header: header(index),
    attributes: { port: { state: portState[state] } },
  })

/** The ports of all bridges of a namespace. Throws NetlinkError, NamespaceError. Equivalent to: `bridge -d link show` */
export const bridgePorts = (where: string | undefined): BridgePort[] => {
  using namespace = where === undefined ? undefined : openNamespace(where)
  using connection = Connection.open(
    NETLINK_ROUTE,
    namespace === undefined ? {} : { namespace: namespace.number },
  )
  const all = request('RTM_GETLINK', RTM.getLink, 0, portMessage, { header: header(0), attributes: {} })
  return connection
    .dump(all, portMessage)
    .flatMap(({ header: { index }, attributes: { port } }) =>
      port?.state === undefined ? [] : [{ index, state: port.state, isolated: (port.isolated ?? 0) !== 0 }],
    )
}

import type { Connection } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { SystemError } from '../sys/errno.ts'
import {
  compareListeners,
  type Listener,
  type ListenerProtocol,
  listListeners,
  toListeners,
} from './listener.ts'
import { socketMessage } from './messages.ts'

/**
 * Theory of operation. The kernel lists the sockets of one transport and one family at a time, so there are up to six
 * dumps; it filters by state itself, and for TCP it then looks at its listeners alone and not at every connection. What
 * a kernel lacks (SCTP in most, the lists themselves in some) has no listeners that could be told of. The kernel may
 * load the module that makes a list, but never the transport for it.
 */

const all: readonly ListenerProtocol[] = ['tcp', 'udp', 'sctp']

/** What a kernel answers about a transport or a family that it does not have, or of which it has no list. */
const lacking: ReadonlySet<string> = new Set([
  'ENOENT',
  'EPROTONOSUPPORT',
  'EAFNOSUPPORT',
  'EOPNOTSUPP',
  'EPROTOTYPE',
])

/**
 * Who waits at the ports of a namespace, of all transports or of one. `open` gives a connection there (NETLINK_SOCK_DIAG); its refusal counts as an empty list where the kernel has no such protocol.
 * Needs no privilege. Throws NetlinkError, SystemError, and what `open` throws. Equivalent to: `ss -lntuS`
 */
export const readListeners = (open: () => Connection, only?: ListenerProtocol): Listener[] => {
  const connection = unlessLacking(open)
  if (connection === undefined) return []
  const protocols = only === undefined ? all : [only]
  const listeners = protocols.flatMap(protocol => {
    const ipv4 = listOf(connection, protocol, 4)
    // What is missing is the list of the transport: it has one for both families.
    return ipv4 === undefined ? [] : [...ipv4, ...(listOf(connection, protocol, 6) ?? [])]
  })
  return listeners.sort(compareListeners)
}

const listOf = (connection: Connection, protocol: ListenerProtocol, family: 4 | 6): Listener[] | undefined =>
  unlessLacking(() =>
    connection
      .dump(listListeners(protocol, family), socketMessage)
      .flatMap(message => toListeners(protocol, message)),
  )

const unlessLacking = <T>(action: () => T): T | undefined => {
  try {
    return action()
  } catch (error) {
    const refused = error instanceof NetlinkError || (error instanceof SystemError && error.call === 'socket')
    if (refused && lacking.has(error.code)) return undefined
    throw error
  }
}

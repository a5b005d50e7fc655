/** Sockets that wait at a port: what programs of the host do, done by the test itself. */
import { SystemError } from '../../src/linux/sys/errno.ts'
import { libc } from '../../src/linux/sys/libc.ts'
import { openNamespace } from '../../src/linux/sys/namespace.ts'
import { Socket } from '../../src/linux/sys/socket.ts'

/** What listens where; `where` is the path of a namespace. */
export type Listening = {
  protocol: 'tcp' | 'udp'
  address: string
  port: number
  v6Only?: boolean
  /** Name of the only link to take packets from. */
  device?: string
  where?: string | undefined
}

const SOL_SOCKET = 1
const SO_BINDTODEVICE = 25
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26

/** Opens the socket, which stays until it is disposed of. Throws SystemError (EADDRINUSE, EADDRNOTAVAIL). */
export const listen = ({ protocol, address, port, v6Only, device, where }: Listening): Socket => {
  using namespace = where === undefined ? undefined : openNamespace(where)
  const family = address.includes(':') ? 6 : 4
  const socket = Socket.open(protocol, { family, namespace: namespace?.number })
  const option = (level: number, name: number, value: Uint8Array) => {
    if (libc().setsockopt(socket.descriptor, level, name, value, value.length) !== 0)
      throw new SystemError('setsockopt', libc().errno())
  }
  try {
    if (v6Only !== undefined)
      option(IPPROTO_IPV6, IPV6_V6ONLY, new Uint8Array(new Int32Array([v6Only ? 1 : 0]).buffer))
    if (device !== undefined) option(SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`))
    socket.bind({ address, port })
    if (protocol === 'tcp' && libc().listen(socket.descriptor, 16) !== 0)
      throw new SystemError('listen', libc().errno())
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}

import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { parseIp } from '../../linux/net/ip.ts'

/**
 * Theory of operation. A browser sends a cookie of 127.0.0.1 to every port there, whoever listens: cookies know no ports.
 * Another user of this machine who lures the browser to a port of his own so gets to know it. He cannot use it, though:
 * the kernel tells whose socket is at the other end of a connection on this machine, and a session is for one user.
 */

/** An end of a connection. */
type End = { address: string; port: number }

/** The user at the other end of a connection, where that is on this machine; undefined for one that comes from afar. */
export const peerUser = (socket: Socket): number | undefined => {
  const known = users.get(socket)
  if (known !== undefined) return known.user
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  let user: number | undefined
  if (
    remoteAddress !== undefined &&
    remotePort !== undefined &&
    localAddress !== undefined &&
    localPort !== undefined
  ) {
    const theirs = { address: remoteAddress, port: remotePort }
    const ours = { address: localAddress, port: localPort }
    for (const table of ['tcp', 'tcp6'])
      user ??= socketUser(readFileSync(`/proc/thread-self/net/${table}`, 'latin1'), theirs, ours)
  }
  users.set(socket, { user })
  return user
}

/** Asked once for each connection, as the table is long on a busy host. */
const users = new WeakMap<Socket, { user: number | undefined }>()

/** The user of a socket in the text of /proc/net/tcp or tcp6; proc_net_tcp.rst of the kernel. */
export const socketUser = (table: string, from: End, to: End): number | undefined => {
  const [froms, tos] = [spellings(from), spellings(to)]
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', remote = '', , , , , user] = line.trim().split(/\s+/)
    if (froms.includes(local) && tos.includes(remote)) return Number(user)
  }
  return undefined
}

/** How the tables spell an end: words of 32 bits in the order of the CPU, which is little endian; IPv4 as IPv6 as well. */
const spellings = ({ address, port }: End): string[] => {
  const bytes = parseIp(address)
  if (bytes === undefined) return []
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
  const isMapped = bytes.length === 16 && mapped.every((byte, at) => bytes[at] === byte)
  const four = bytes.length === 4 ? bytes : isMapped ? bytes.subarray(12) : undefined
  const forms = four === undefined ? [bytes] : [four, Uint8Array.of(...mapped, ...four)]
  return forms.map(form => `${words(form)}:${port.toString(16).toUpperCase().padStart(4, '0')}`)
}

const words = (bytes: Uint8Array): string =>
  Array.from({ length: bytes.length / 4 }, (_, at) =>
    Buffer.from(bytes.slice(at * 4, at * 4 + 4).reverse()).toString('hex'),
  )
    .join('')
    .toUpperCase()

import { formatIp, parseIp } from '../net/ip.ts'

/** struct sockaddr_in and struct sockaddr_in6 (linux/in.h, linux/in6.h) as values. */

const AF_INET = 2
const AF_INET6 = 10
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** An address with a port; for raw sockets the port is 0. */
export type Endpoint = { address: string; port: number }

/** Room for either structure. */
export const socketAddressSize = 28

/** AF_INET or AF_INET6. */
export const addressFamilyNumber = (family: 4 | 6): number => (family === 4 ? AF_INET : AF_INET6)

/** The structure that bind, connect and sendto take. Throws a RangeError for what is not an address. */
export const encodeSocketAddress = ({ address, port }: Endpoint): Uint8Array => {
  const ip = parseIp(address)
  if (ip === undefined)
    throw new RangeError(`Cannot make a socket address of "${address}": not an IP address`)
  const ipv4 = ip.length === 4
  const bytes = new Uint8Array(ipv4 ? 16 : 28)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, ipv4 ? AF_INET : AF_INET6, littleEndian)
  view.setUint16(2, port)
  // sockaddr_in6 has the flow label before the address.
  bytes.set(ip, ipv4 ? 4 : 8)
  return bytes
}

/** The endpoint in a structure that the kernel filled; undefined for another family, or none. */
export const decodeSocketAddress = (bytes: Uint8Array): Endpoint | undefined => {
  if (bytes.length < 16) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const family = view.getUint16(0, littleEndian)
  const port = view.getUint16(2)
  if (family === AF_INET) return { address: formatIp(bytes.subarray(4, 8)), port }
  if (family === AF_INET6 && bytes.length >= 24) return { address: formatIp(bytes.subarray(8, 24)), port }
  return undefined
}

import { formatIp } from '../../linux/net/ip.ts'

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/**
 * The local addresses of the UDP sockets that wait at a port for anybody, from the text of /proc/net/udp or
 * /proc/net/udp6 (proc_net(5)): an address is written there as words of 32 bits in the machine's own byte order. Sockets
 * that are connected to one peer are clients. Equivalent to: `ss -nlu sport = PORT`
 */
export const udpListeners = (text: string, port: number, littleEndian = isLittleEndian): string[] =>
  text.split('\n').flatMap(line => {
    const [, local, remote] = line.trim().split(/\s+/)
    const found = /^((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4})$/.exec(local ?? '')
    if (found === null || !/^0+:0000$/.test(remote ?? '')) return []
    const [, address = '', hexPort = ''] = found
    return Number.parseInt(hexPort, 16) === port ? (addressOf(address, littleEndian) ?? []) : []
  })

const addressOf = (hex: string, littleEndian: boolean): string | undefined => {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap(word => {
    const word4 = [0, 2, 4, 6].map(at => Number.parseInt(word.slice(at, at + 2), 16))
    return littleEndian ? word4.reverse() : word4
  })
  if (bytes.length !== 4 && bytes.length !== 16) return undefined
  // A socket of IPv6 that is bound to an address of IPv4 waits for IPv4.
  return formatIp(Uint8Array.from(bytes)).replace(/^::ffff:(?=[\d.]+$)/, '')
}

/**
 * A router of IPv6, for one message: `advertise.ts DEVICE SECONDS [PREFIX]` sends a router advertisement (RFC 4861,
 * section 4.2) to all nodes, with its lifetime as a default router and, if given, a /64 to make addresses of.
 */
import { readFileSync } from 'node:fs'
import { parseIp } from '../../../src/linux/net/ip.ts'
import { RawSocket } from './raw-socket.ts'

const IPPROTO_ICMPV6 = 58
const IPPROTO_IPV6 = 41
const IPV6_MULTICAST_IF = 17
const IPV6_MULTICAST_HOPS = 18
const IPV6_MULTICAST_LOOP = 19
const ROUTER_ADVERTISEMENT = 134
const PREFIX_INFORMATION = 3
const ON_LINK_AND_AUTONOMOUS = 0xc0

const [device = '', seconds = '', prefix] = process.argv.slice(2)
const integer = (value: number) => new Uint8Array(new Int32Array([value]).buffer)

const message = new Uint8Array(prefix === undefined ? 16 : 48)
const view = new DataView(message.buffer)
// The kernel fills in the checksum.
message[0] = ROUTER_ADVERTISEMENT
message[4] = 64
view.setUint16(6, Number(seconds))
if (prefix !== undefined) {
  message.set([PREFIX_INFORMATION, 4, 64, ON_LINK_AND_AUTONOMOUS], 16)
  view.setUint32(20, 86_400)
  view.setUint32(24, 43_200)
  message.set(parseIp(prefix) ?? [], 32)
}

const index = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'))
const socket = new RawSocket(IPPROTO_ICMPV6, 6, undefined)
socket.option(IPPROTO_IPV6, IPV6_MULTICAST_IF, integer(index))
// Whatever passed a router before is not believed.
socket.option(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, integer(255))
// The router does not make itself an address by it.
socket.option(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, integer(0))
socket.send(message, 'ff02::1')

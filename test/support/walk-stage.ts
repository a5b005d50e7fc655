/**
 * A host between two others for tests that watch packets: inside 10.31.0.2 -- 10.31.0.1 here 10.32.0.1 -- 10.32.0.2
 * outside, and fd31::, fd32:: likewise.
 */
import { openNamespace } from '../../src/linux/sys/namespace.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import { run, tryRun } from './sandbox.ts'

export const inside = '/run/netns/walk-inside'
export const outside = '/run/netns/walk-outside'

const topology = `
set -e
ip link set lo up
for name in inside outside; do ip netns add walk-$name; ip -n walk-$name link set lo up; done
ip link add walk0 type veth peer name eth0 netns walk-inside
ip link add walk1 type veth peer name eth0 netns walk-outside
ip address add 10.31.0.1/24 dev walk0; ip address add 10.32.0.1/24 dev walk1
ip address add fd31::1/64 dev walk0 nodad; ip address add fd32::1/64 dev walk1 nodad
ip link set walk0 up; ip link set walk1 up
ip -n walk-inside address add 10.31.0.2/24 dev eth0; ip -n walk-inside address add fd31::2/64 dev eth0 nodad
ip -n walk-outside address add 10.32.0.2/24 dev eth0; ip -n walk-outside address add fd32::2/64 dev eth0 nodad
ip -n walk-inside link set eth0 up; ip -n walk-outside link set eth0 up
ip -n walk-inside route add default via 10.31.0.1; ip -n walk-inside route add default via fd31::1
ip -n walk-outside route add fd31::/64 via fd32::1
echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
`

const remains = `
nft flush ruleset
ip netns del walk-inside; ip netns del walk-outside
ip link del walk0; ip link del walk1
echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
true
`

/** Builds the stage with a ruleset of the host; the kernel takes a while until it answers for its addresses of IPv6. */
export const raiseStage = (ruleset: string): void => {
  run('sh', ['-c', topology])
  until('IPv6', () => ping('walk-inside', 'fd32::2') === 0)
  run('nft', ['-f', '-'], ruleset)
}

/** Takes away all that `raiseStage` made. */
export const strikeStage = (): void => {
  run('sh', ['-c', remains])
}

/** Waits for at most two seconds. */
export const until = (what: string, holds: () => boolean): void => {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (holds()) return
    Bun.sleepSync(5)
  }
  throw new Error(`waited in vain: ${what}`)
}

/** One echo request from a namespace; 0 when it is answered. */
export const ping = (from: string, to: string, ...more: string[]): number | null =>
  tryRun('ip', ['netns', 'exec', from, 'ping', '-n', '-c', '1', '-W', '1', ...more, to]).status

/** A socket made in a namespace. */
export const at = (path: string, make: (place: { namespace: number }) => Socket): Socket => {
  using namespace = openNamespace(path)
  return make({ namespace: namespace.number })
}

/** A server inside, and a client outside that calls it by the port that the host publishes. */
export const serve = (): Socket =>
  at(inside, place => Socket.listen({ address: '10.31.0.2', port: 80 }, place))
export const visit = (): Socket =>
  at(outside, place => Socket.connect({ address: '10.32.0.1', port: 8080 }, 2000, place))

/** One datagram from inside. */
export const sendUdp = (address: string, port: number): void => {
  using socket = at(inside, place => Socket.open('udp', place))
  socket.send(new Uint8Array([1]), { address, port })
}

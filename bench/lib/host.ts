/**
 * Hosts beside each other, each as host1 of the reference experiment in a network namespace of its own, with a
 * neighbour `outside` at 192.168.1.1. Arrangements that are compared for what packets cost in them are all there at
 * once, and take turns without being made and taken back in between.
 */
import { ask } from './process.ts'

export type Host = {
  /** Names of the network namespaces of the host, its neighbour, and the space. */
  readonly host: string
  readonly outside: string
  readonly space: string
}

/** The program and arguments that run a command in a network namespace, all else being as it is here. */
export const inNamespace = (name: string, ...run: readonly string[]): [string, ...string[]] => [
  'nsenter',
  `--net=${namespaceFile(name)}`,
  ...run,
]

/** Where a network namespace is named. */
export const namespaceFile = (name: string): string => `/run/netns/${name}`

/** Makes a host and its neighbour; the space, named in advance, is left to whom it is made by. */
export function makeHost(name: string, space: string = name): Host {
  const [host, outside] = [`${name}.host`, `${name}.outside`]
  const setUp = `set -e
    ip netns add ${host}
    ip netns add ${outside}
    ip -n ${host} link add eth0 type veth peer name eth0 netns ${outside}
    ip -n ${host} link set lo up
    ip -n ${host} address add 192.168.1.32/24 dev eth0
    ip -n ${host} link set eth0 up
    ip -n ${outside} address add 192.168.1.1/24 dev eth0
    ip -n ${outside} link set eth0 up
    ip -n ${host} route add default via 192.168.1.1
    # Only what is routed without translation needs the way back.
    ip -n ${outside} route add 192.168.45.0/24 via 192.168.1.32`
  ask('sh', '-c', setUp)
  return { host, outside, space }
}

/** A space with its cable, addresses and route, and a host that forwards: all but the firewall. */
export function makeRoutedSpace({ host, space }: Host): void {
  const setUp = `set -e
    ip netns add ${space}
    ip link add veth1 type veth peer name veth2 netns ${space}
    ip address add 192.168.45.2/24 dev veth1
    ip link set veth1 up
    ip -n ${space} address add 192.168.45.3/24 dev veth2
    ip -n ${space} link set veth2 up
    ip -n ${space} route add default via 192.168.45.2
    echo 1 > /proc/sys/net/ipv4/ip_forward`
  ask(...inNamespace(host, 'sh', '-c', setUp))
}

/** Takes the namespaces away, and with them all that is in them. */
export const removeHost = ({ host, outside, space }: Host): void =>
  void ask('sh', '-c', `for name in ${space} ${host} ${outside}; do ip netns delete $name; done`)

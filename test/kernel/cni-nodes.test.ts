/**
 * A cluster of two nodes without Kubernetes: each node has natspace with a network of its own out of the pods' network,
 * and a route to that of the other node, as flannel with host-gw or a routing daemon makes them. A program of the nodes
 * (nft, in the place of kube-proxy) leads the address of a service to pods.
 */
import { describe, expect } from 'bun:test'
import { onCluster } from '../support/cluster.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'ping', 'nc', 'ss', 'diff', 'sysctl')

const linesOf = (output: string): string[] => output.trim().split('\n')

describe('a cluster of two nodes', () => {
  test('pods see each other’s own addresses, and the outside sees the node’s', () => {
    const output = onCluster(`
      compared >/run/before
      start
      ask a c 10.244.2.2
      ask c a 10.244.1.2
      ask a b 10.244.1.3
      ask a outside 203.0.113.9
      ask c outside 203.0.113.139
      natspace status -q >/run/said && echo healthy
      node2 $executable status -q >/run/said && echo healthy
      stop
      compared >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(linesOf(output)).toEqual([
      'a to 10.244.2.2: c saw 10.244.1.2',
      'c to 10.244.1.2: a saw 10.244.2.2',
      'a to 10.244.1.3: b saw 10.244.1.2',
      'a to 203.0.113.9: outside saw 203.0.113.1',
      'c to 203.0.113.139: outside saw 203.0.113.129',
      'healthy',
      'healthy',
      'EQUAL',
    ])
  })

  test('a node reaches its pods as the kubelet does, and those of the other; pods reach the nodes', () => {
    const output = onCluster(`
      start
      ask node1 a 10.244.1.2
      ask node1 c 10.244.2.2
      ask host2 a 10.244.1.2
      ask a host2 192.168.1.15
      ask c host2 192.168.1.15
      pings a 192.168.1.32; pings c 192.168.1.32
      stop`)
    expect(linesOf(output)).toEqual([
      'node1 to 10.244.1.2: a saw 10.244.1.1',
      'node1 to 10.244.2.2: c saw 192.168.1.32',
      'host2 to 10.244.1.2: a saw 192.168.1.15',
      'a to 192.168.1.15: host2 saw 192.168.1.32',
      'c to 192.168.1.15: host2 saw 10.244.2.2',
      'a reaches 192.168.1.32',
      'c reaches 192.168.1.32',
    ])
  })

  test('the address of a service leads to pods of either node, from pods, nodes, and outside', () => {
    const output = onCluster(`
      start
      # What kube-proxy does: the address of a service, and a port of the node, for one pod here and one there.
      nft -f - <<'END'
      table ip proxy {
        chain services {
          ip daddr 10.96.0.1 tcp dport 80 dnat to 10.244.1.3
          ip daddr 10.96.0.2 tcp dport 80 dnat to 10.244.2.2
          fib daddr type local tcp dport 30080 dnat to 10.244.1.3:80
        }
        chain prerouting { type nat hook prerouting priority dstnat; jump services; }
        chain output { type nat hook output priority -100; jump services; }
      }
END
      ip route add 10.96.0.0/12 dev eth0
      ask a b 10.96.0.1
      ask a c 10.96.0.2
      ask node1 b 10.96.0.1
      ask node1 c 10.96.0.2
      ask host2 b 192.168.1.32 30080
      ask outside b 203.0.113.1 30080
      nft delete table ip proxy
      stop`)
    expect(linesOf(output)).toEqual([
      'a to 10.96.0.1: b saw 10.244.1.2',
      'a to 10.96.0.2: c saw 10.244.1.2',
      'node1 to 10.96.0.1: b saw 192.168.1.32',
      'node1 to 10.96.0.2: c saw 192.168.1.32',
      'host2 to 192.168.1.32: b saw 192.168.1.15',
      'outside to 203.0.113.1: b saw 203.0.113.9',
    ])
  })

  test('a pod that borrows the address of another is heard by nobody', () => {
    const output = onCluster(`
      start
      ip -n a address add 10.244.1.3/32 dev eth0
      ip netns exec a ping -qc1 -W1 -I 10.244.1.3 10.244.2.2 >/run/said && echo heard || echo 'not heard'
      pings a 10.244.2.2
      stop`)
    expect(linesOf(output)).toEqual(['not heard', 'a reaches 10.244.2.2'])
  })

  test('pods of an isolated network do not reach each other, and the other node’s all the same', () => {
    const output = onCluster(`
      config() { plugin_of natspace cni conflist --subnet 10.244.$1.0/24 --no-masquerade 10.244.0.0/16 --isolated; }
      start
      pings a 10.244.1.3
      pings a 10.244.2.2
      stop`)
    expect(linesOf(output)).toEqual(['a does not reach 10.244.1.3', 'a reaches 10.244.2.2'])
  })

  test('pods of both families see each other’s own addresses by both', () => {
    const output = onCluster(`
      for node in node1 node2; do
        $node sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
        $node sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0
      done
      ip address add 2001:db8:1::32/64 dev eth0 nodad; ip -n host2 address add 2001:db8:1::15/64 dev eth0 nodad
      ip route add fd00:244:2::/64 via 2001:db8:1::15; ip -n host2 route add fd00:244:1::/64 via 2001:db8:1::32
      config() {
        plugin_of natspace cni conflist --subnet 10.244.$1.0/24 --subnet fd00:244:$1::/64 \\
          --no-masquerade 10.244.0.0/16 --no-masquerade fd00:244::/32
      }
      start
      ask a c 10.244.2.2
      ask a c fd00:244:2::2
      ask c a fd00:244:1::2
      ask a b fd00:244:1::3
      ask node1 a fd00:244:1::2
      stop`)
    expect(linesOf(output)).toEqual([
      'a to 10.244.2.2: c saw 10.244.1.2',
      'a to fd00:244:2::2: c saw fd00:244:1::2',
      'c to fd00:244:1::2: a saw fd00:244:2::2',
      'a to fd00:244:1::3: b saw fd00:244:1::2',
      'node1 to fd00:244:1::2: a saw fd00:244:1::1',
    ])
  })
})

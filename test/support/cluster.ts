import { expectOnNewHost } from './host.ts'

/** Node 1 is the host of the test itself, node 2 is host2; both see a namespace outside, which knows no pod. */
const cluster = `
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip netns exec host2 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip netns add outside
ip netns exec outside sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add eth1 type veth peer name one netns outside
ip link add eth2 type veth peer name two netns outside
ip link set eth2 netns host2 name eth1
ip address add 203.0.113.1/25 dev eth1; ip link set eth1 up
ip -n host2 address add 203.0.113.129/25 dev eth1; ip -n host2 link set eth1 up
ip -n outside address add 203.0.113.9/25 dev one; ip -n outside link set one up
ip -n outside address add 203.0.113.139/25 dev two; ip -n outside link set two up
ip -n outside link set lo up
ip route add 10.244.2.0/24 via 192.168.1.15
ip -n host2 route add 10.244.1.0/24 via 192.168.1.32

node1() { "$@"; }
node2() { ip netns exec host2 env NATSPACE_STATE=/run/state2 "$@"; }
# plugin_of COMMAND...: what a runtime sends to the plugin of the list that the command prints.
plugin_of() { "$@" | sed -n '/^    {$/,/^    }$/p' | sed '1s/{/{"cniVersion":"1.1.0","name":"natspace",/'; }
# config NODE: what the plugin gets on the node, by the list that an init container writes there.
config() {
  plugin_of natspace cni conflist --subnet 10.244.$1.0/24 --no-masquerade 10.244.0.0/16 --accept 10.244.0.0/16 --accept 192.168.1.0/24 --host all
}
# cni NODE COMMAND POD: what the runtime of the node does with it.
cni() {
  config $1 |
    node$1 env CNI_COMMAND=$2 CNI_CONTAINERID=$3 CNI_NETNS=/run/netns/$3 CNI_IFNAME=eth0 CNI_PATH=/nowhere $executable
}
pod() { ip netns add $2; ip -n $2 link set lo up; cni $1 ADD $2 >/run/result || cat /run/result; }
pings() { ip netns exec $1 ping -qc1 -W2 $2 >/run/said && echo "$1 reaches $2" || echo "$1 does not reach $2"; }
# serve PLACE FAMILY: says its name to the first that comes to port 80, and notes who that was.
serve() {
  echo $1 | timeout 9 ip netns exec $1 nc $2 -nvlN 80 >/run/request 2>/run/seen & server=$!
  for attempt in $(seq 500); do ip netns exec $1 ss -Hltn 'sport = :80' | grep -q . && break; sleep 0.02; done
}
# ask FROM SERVER ADDRESS [PORT]: what FROM is told there while SERVER serves, and whom that saw.
ask() {
  family=-4; case $3 in *:*) family=-6;; esac
  serve $2 $family
  from="ip netns exec $1"; [ $1 != node1 ] || from=
  said=$($from timeout 5 nc -nw3 $3 \${4-80} </dev/null)
  kill $server 2>/run/said || true
  wait $server || true
  echo "$1 to $3: $said saw $(sed -n 's/.*received on \\([0-9a-f.:]*\\).*/\\1/p' /run/seen)"
}
compared() {
  snapshot
  for place in host2 outside; do
    ip -n $place -d -j link | sed 's/"ifindex":[0-9]*,//g; s/"operstate":"[A-Z]*",//g'
    ip -n $place -j address; ip -n $place -j route show table all
    ip netns exec $place nft list ruleset
    ip netns exec $place sysctl -a -r '^net\\.' 2>/dev/null | sed '/nf_conntrack_count\\|random/d'
  done
  [ ! -e /run/state2 ] || ls /run/state2
}
start() { pod 1 a; pod 1 b; pod 2 c; }
stop() {
  cni 1 DEL a; cni 1 DEL b; cni 2 DEL c
  for name in a b c; do ip netns del $name; done
}
`

/** Runs a script on a new cluster, and fails when the script does, with all that it printed. */
export const onCluster = (script: string, environment: Record<string, string> = {}): string =>
  expectOnNewHost(`${cluster}\n${script}`, environment)

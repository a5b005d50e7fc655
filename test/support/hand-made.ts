/** A namespace connected by hand, as the reference experiment does it: shell functions for a new host. */

/** `by_hand` makes the nine steps; `by_hand 8` leaves step 8 out. */
export const byHand = `
by_hand() {
  without=\${1:-none}
  ip netns add myspace
  ip link add veth1 type veth peer name veth2
  ip link set veth2 netns myspace
  ip address add 192.168.45.2/24 dev veth1
  ip link set veth1 up
  ip -n myspace address add 192.168.45.3/24 dev veth2
  ip -n myspace link set veth2 up
  iptables -P FORWARD DROP
  [ $without = 6 ] || ip -n myspace route add default via 192.168.45.2
  [ $without = 7 ] || sysctl -qw net.ipv4.ip_forward=1
  [ $without = 8 ] || iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE
  if [ $without != 9 ]; then
    iptables -t filter -A FORWARD -i eth0 -o veth1 -j ACCEPT
    iptables -t filter -A FORWARD -o eth0 -i veth1 -j ACCEPT
  fi
}
`

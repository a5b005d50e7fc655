# The reference experiment by hand: its nine steps with iproute2 and iptables, and the published port.
set -e
ip netns add myspace
ip link add veth1 type veth peer name veth2
ip link set veth2 netns myspace
ip address add 192.168.45.2/24 dev veth1
ip link set veth1 up
ip -n myspace address add 192.168.45.3/24 dev veth2
ip -n myspace link set veth2 up
ip -n myspace route add default via 192.168.45.2
echo 1 > /proc/sys/net/ipv4/ip_forward
iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE
iptables -t filter -A FORWARD -i eth0 -o veth1 -j ACCEPT
iptables -t filter -A FORWARD -o eth0 -i veth1 -j ACCEPT
iptables -t nat -A PREROUTING -d 192.168.1.32 -p tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80
iptables -t nat -A OUTPUT -d 192.168.1.32 -p tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80

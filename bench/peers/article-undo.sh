# Takes back what article.sh did.
set -e
iptables -t nat -D OUTPUT -d 192.168.1.32 -p tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80
iptables -t nat -D PREROUTING -d 192.168.1.32 -p tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80
iptables -t filter -D FORWARD -o eth0 -i veth1 -j ACCEPT
iptables -t filter -D FORWARD -i eth0 -o veth1 -j ACCEPT
iptables -t nat -D POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE
echo 0 > /proc/sys/net/ipv4/ip_forward
ip link delete veth1
ip netns delete myspace

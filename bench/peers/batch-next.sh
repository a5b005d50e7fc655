# As batch.sh, where the table is there already with others in it: the set and the map get an element more.
set -e
ip -batch - <<END
netns add myspace
link add veth1 up type veth peer name veth2 netns myspace
address add 192.168.45.2/24 dev veth1
END
ip -n myspace -batch - <<END
address add 192.168.45.3/24 dev veth2
link set veth2 up
route add default via 192.168.45.2
END
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f - <<END
add element ip many spaces { 192.168.45.3 }
add element ip many ports { tcp . 8080 : 192.168.45.3 . 80 }
END

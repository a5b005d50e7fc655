# The best that a shell can do: as few processes as possible, three in place of article.sh's thirteen.
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
table ip article {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ip daddr 192.168.1.32 tcp dport 8080 dnat to 192.168.45.3:80
  }
  chain output {
    type nat hook output priority -100
    ip daddr 192.168.1.32 tcp dport 8080 dnat to 192.168.45.3:80
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr 192.168.45.0/24 oifname eth0 masquerade
  }
  chain forward {
    type filter hook forward priority filter
    iifname eth0 oifname veth1 accept
    iifname veth1 oifname eth0 accept
  }
}
END

# Takes back what batch.sh or floor.c did.
set -e
nft delete table ip article
echo 0 > /proc/sys/net/ipv4/ip_forward
ip link delete veth1
ip netns delete myspace

/**
 * For each recipe of docs/cookbook.md a proof, by programs other than natspace, that its title is true. They are lines of sh -eu,
 * made while the recipe stands; the words they use are those of kitchen.ts.
 */
export const checks: { readonly [title: string]: string } = {
  'A program that leaves by the VPN or not at all': `
    hear leak 'iifname eth0 ip daddr 203.0.113.80'
    hear plain 'iifname eth0 icmp type echo-request'
    is "$(inside vpn timeout 5 busybox wget -qO- http://203.0.113.80/cgi-bin/whoami)" 'you are 198.51.100.2'
    hear asked 'iifname wg0 ip saddr 198.51.100.2 ip daddr 198.51.100.1 udp dport 53'
    hear elsewhere 'iifname eth0 udp dport 53'
    natspace exec vpn -- busybox nslookup example.org || true
    [ "$(heard asked)" -gt 0 ]
    is "$(heard elsewhere)" 0
    # Nor is a resolver of this host asked, whatever it would do with the question.
    busybox httpd -p 53 -h /run/www
    gateway=$(ip -n vpn route show default | sed 's/.*via \\([0-9.]*\\).*/\\1/')
    nc -z -w 5 $gateway 53
    refused inside vpn nc -z -w 1 $gateway 53
    # Without the tunnel a route leads there all the same, and this host itself uses it.
    ip link del wg0
    refused inside vpn nc -z -w 1 203.0.113.80 80
    refused inside vpn nc -z -w 1 192.0.2.1 80
    refused inside vpn ping -c 1 -W 1 192.0.2.1
    is "$(heard leak) $(heard plain)" '0 0'
    nc -z -w 5 203.0.113.80 80
    ping -c 1 192.0.2.1
    [ "$(heard leak)" -gt 0 ] && [ "$(heard plain)" -gt 0 ]
    tunnel
    ip route add default dev wg0 table 51820`,

  'Two versions of a service, on the same port': `
    for name in old new; do inside $name ss -Hltn 'sport = :80' | grep LISTEN; done
    is "$(ss -Hltn 'sport = :80')" ''
    is "$(outside timeout 5 busybox wget -qO- http://192.0.2.2:8001)" 'version 1'
    is "$(outside timeout 5 busybox wget -qO- http://192.0.2.2:8002)" 'version 2'`,

  'Show a development server to the LAN': `
    is "$(outside timeout 5 busybox wget -qO- http://192.0.2.2:8080)" 'work in progress'
    is "$(outside timeout 5 busybox wget -qO- "http://[2001:db8::2]:8080")" 'work in progress'
    conntrack -L -p tcp --dport 8080 | grep 'src=192.0.2.1 dst=192.0.2.2 .*src=10.200.0.2 dst=192.0.2.1 sport=80'
    inside dev busybox httpd -p 81 -h site
    outside ip route add 10.200.0.0/30 via 192.0.2.2
    refused outside nc -z -w 1 192.0.2.2 81
    refused outside nc -z -w 1 10.200.0.2 80
    refused outside nc -z -w 1 10.200.0.2 81
    natspace unpublish dev 8080
    refused outside nc -z -w 1 192.0.2.2 8080
    is "$(inside dev timeout 5 busybox wget -qO- http://127.0.0.1)" 'work in progress'`,

  'A port for this host alone': `
    nc -z -w 5 127.0.0.1 8080
    refused nc -z -w 1 192.0.2.2 8080
    refused outside nc -z -w 1 192.0.2.2 8080
    # A neighbour who sends packets for 127.0.0.1 here: they come, and get no further.
    outside sysctl -qw net.ipv4.conf.eth0.route_localnet=1
    outside ip address del 127.0.0.1/8 dev lo
    outside ip route add 127.0.0.1 via 192.0.2.2 src 192.0.2.1
    nft add table ip came
    nft add chain ip came first '{ type filter hook prerouting priority -400; }'
    nft add rule ip came first iifname eth0 ip daddr 127.0.0.1 tcp dport 8080 counter
    refused outside nc -z -w 1 127.0.0.1 8080
    nft list chain ip came first | grep 'counter packets [1-9]'
    nft delete table ip came`,

  'An AI agent with an allow-list': `
    hear echoes 'iifname eth0 ip saddr 192.0.2.2 icmp type echo-request'
    hear datagrams 'iifname eth0 ip saddr 192.0.2.2 udp dport != 4789'
    hear ports 'iifname eth0 ip saddr 192.0.2.2 tcp dport != 80'
    hear hosts 'iifname eth0 ip saddr 192.0.2.2 ip daddr { 203.0.113.80, 169.254.169.254 }'
    hear six 'iifname eth0 meta nfproto ipv6 ip6 saddr 2001:db8::2 tcp dport 80'
    outside busybox httpd -p 443 -h /run/www
    inside agent nc -z -w 5 192.0.2.1 80
    refused inside agent nc -z -w 1 192.0.2.1 443
    refused inside agent nc -z -w 1 203.0.113.80 80
    refused inside agent nc -z -w 1 2001:db8::1 80
    refused inside agent nc -z -w 1 169.254.169.254 80
    refused inside agent ping -c 1 -W 1 192.0.2.1
    echo question | inside agent nc -u -q 0 -w 1 192.0.2.1 53 || true
    # Nor what this host serves.
    busybox httpd -p 8000 -h /run/www
    for address in 10.200.0.1 192.0.2.2; do
      refused inside agent nc -z -w 1 $address 8000
      refused inside agent ping -c 1 -W 1 $address
    done
    is "$(heard echoes) $(heard datagrams) $(heard ports) $(heard hosts) $(heard six)" '0 0 0 0 0'
    nc -z -w 5 192.0.2.1 443
    [ "$(heard ports)" -gt 0 ]`,

  'An integration test in CI, without root': `
    grep -x 'table inet natspace' tables
    is "$(nft list tables)" ''
    is "$(ip netns list | cut -d ' ' -f 1)" outside
    is "$(ss -Hltn 'sport = :9000')" ''`,

  'Teach NAT by what happens without it': `
    # The same on this host: without the translation the request arrives as from inside, and no answer comes.
    natspace up taught --ipv6 off
    hear inside 'iifname eth0 icmp type echo-request ip saddr 10.200.0.2'
    hear translated 'iifname eth0 icmp type echo-request ip saddr 192.0.2.2'
    nft flush set inet natspace outbound4
    refused inside taught ping -c 1 -W 1 192.0.2.1
    is "$(heard inside) $(heard translated)" '1 0'
    nft add element inet natspace outbound4 '{ 10.200.0.2 }'
    inside taught ping -c 1 -W 5 192.0.2.1
    is "$(heard inside) $(heard translated)" '1 1'
    natspace down taught`,

  'A program without any network': `
    hear any 'iifname eth0 ip saddr 192.0.2.2 udp dport != 4789'
    busybox httpd -p 8000 -h /run/www
    gateway=$(ip -j -4 address show dev veth-quiet | sed -n 's/.*"local":"\\([0-9.]*\\)".*/\\1/p')
    for address in $gateway 192.0.2.2; do
      refused inside quiet nc -z -w 1 $address 8000
      refused inside quiet ping -c 1 -W 1 $address
    done
    echo question | inside quiet nc -u -q 0 -w 1 $gateway 53 || true
    echo question | inside quiet nc -u -q 0 -w 1 192.0.2.1 53 || true
    # Not even with a route of its own.
    inside quiet ip route add default via $gateway
    refused inside quiet nc -z -w 1 192.0.2.1 80
    echo question | inside quiet nc -u -q 0 -w 1 192.0.2.1 53 || true
    is "$(heard any) $(heard http)" '0 0'`,

  'A slow line': `
    cmp page /run/www/megabyte
    tc -j qdisc show dev veth-slow | grep '"kind":"tbf".*"rate":1000000,'
    ip netns exec slow tc -j qdisc show dev eth0 | grep '"kind":"tbf".*"rate":125000,'
    # A million bytes take a second at 8 Mbit/s, whatever else this machine does.
    before=$(date +%s%N)
    inside slow busybox wget -qO /dev/null http://192.0.2.1/megabyte
    [ $((($(date +%s%N) - before) / 1000000)) -gt 900 ]
    natspace up -q slow --rate-down 16mbit
    tc -j qdisc show dev veth-slow | grep '"kind":"tbf".*"rate":2000000,'`,

  'A database that one program alone reaches': `
    inside app nc -z -w 5 10.90.0.2 5432
    refused inside other nc -z -w 1 10.90.0.2 5432
    outside ip route add 10.90.0.0/30 via 192.0.2.2
    refused outside nc -z -w 1 10.90.0.2 5432
    refused outside nc -z -w 1 192.0.2.2 5432
    # One way, and no way out.
    inside app busybox httpd -p 9000
    refused inside db nc -z -w 1 $(ip -n app -br -4 address show dev eth0 | sed 's/.* \\([0-9.]*\\)\\/.*/\\1/') 9000
    refused inside db ping -c 1 -W 1 192.0.2.1
    inside app ping -c 1 -W 5 192.0.2.1`,

  'A resolver of its own for one program': `
    hear dns 'iifname eth0 ip daddr 192.0.2.1 udp dport 53'
    was=$(cksum /etc/resolv.conf 2>&1) || true
    natspace exec names -- busybox nslookup example.org || true
    [ "$(heard dns)" -gt 0 ]
    is "$(cksum /etc/resolv.conf 2>&1 || true)" "$was"
    refused grep -xF 'nameserver 192.0.2.1' /etc/resolv.conf`,

  'Find out why a packet does not arrive': `
    inside web nc -z -w 5 192.0.2.1 80
    # It was that rule: without what the doctor has put before it nothing arrives.
    handle=$(nft -a list chain inet office forward | sed -n 's/.*accept.*veth-web.* # handle \\([0-9]*\\)$/\\1/p')
    for number in $handle; do nft delete rule inet office forward handle $number; done
    refused inside web nc -z -w 1 192.0.2.1 80
    nft delete rule inet office forward handle $(nft -a list chain inet office forward | sed -n 's/.*dport 80 drop # handle //p')
    inside web nc -z -w 5 192.0.2.1 80`,

  'Capture the packets of one program': `
    # As user 0 tcpdump gives up its groups, which a user namespace may forbid.
    reader=
    [ "$(cat /proc/self/setgroups)" != deny ] || reader='unshare --user --map-user=1000'
    $reader tcpdump -n -r - <seen.pcapng >/run/packets
    is "$(wc -l </run/packets)" 12
    for source in 10.200.0.2 192.0.2.2; do grep "IP $source > 192.0.2.1: ICMP echo request" /run/packets; done
    for target in 10.200.0.2 192.0.2.2; do grep "IP 192.0.2.1 > $target: ICMP echo reply" /run/packets; done
    refused grep -v ICMP /run/packets
    grep -aq 'same packet as #.*before SNAT 10.200.0.2' seen.pcapng`,

  'See where a program connects to': `
    port=$(sed -n 's/^  request  10.200.0.2:\\([0-9]*\\) > .*/\\1/p' /run/seen)
    outer=$(sed -n 's/^  request .* 192.0.2.2\\*:\\([0-9]*\\)\\* > .*/\\1/p' /run/seen)
    conntrack -L -p tcp --orig-src 10.200.0.2 |
      grep "src=10.200.0.2 dst=192.0.2.1 sport=$port dport=80 src=192.0.2.1 dst=192.0.2.2 sport=80 dport=$outer "
    is "$(conntrack -L --orig-src 10.200.0.2 | wc -l)" 1`,

  'Ask what would happen, and send nothing': `
    is "$(heard http) $(conntrack -L --orig-src 10.200.0.2 | wc -l)" '0 0'
    # And so it is.
    hear predicted 'iifname eth0 ip saddr 192.0.2.2 ip daddr 192.0.2.1 tcp dport 80'
    inside careful nc -z -w 5 192.0.2.1 80
    [ "$(heard predicted)" -gt 0 ]
    is "$(heard http)" "$(heard predicted)"`,

  'A space that is there after a reboot': `
    natspace down --all
    refused ip netns exec web true
    # What systemd would start, with the file where it was written.
    unit=image/etc/systemd/system/multi-user.target.wants/natspace@web.service
    target=$(readlink $unit)
    start=$(sed -n 's/^ExecStart=//p' image/etc/systemd/system/\${target##*/})
    $(echo "$start" | sed 's/%i/web/; s| /etc/natspace| image/etc/natspace|')
    ip -n web -br address show dev eth0 | grep 10.200.0.2/30
    inside web busybox httpd -p 80 -h /run/www
    is "$(outside timeout 5 busybox wget -qO- http://192.0.2.2:8080)" 'hello from another host'
    ip netns pids web | xargs kill`,

  'The same with ip and nft alone': `
    refused grep -w '^ *natspace' plain.sh
    [ ! -e /run/natspace/spaces/plain.json ]
    inside plain busybox httpd -p 80 -h /run/www
    is "$(outside timeout 5 busybox wget -qO- http://192.0.2.2:8080)" 'hello from another host'
    hear mine 'iifname eth0 icmp type echo-request ip saddr 192.0.2.2'
    inside plain ping -c 1 -W 5 192.0.2.1
    is "$(heard mine)" 1
    ip netns pids plain | xargs kill`,

  'Take over a namespace that was connected by hand': `
    nft list chain ip byhand postrouting >/run/byhand
    refused grep masquerade /run/byhand
    is "$(ip -j link show dev veth1 | sed 's/.*"ifalias":"\\([^"]*\\)".*/\\1/')" natspace:myspace
    hear mine 'iifname eth0 icmp type echo-request ip saddr 192.0.2.2'
    inside myspace ping -c 1 -W 5 192.0.2.1
    is "$(heard mine)" 1`,

  'Repair after a firewall was reloaded': `
    inside web ping -c 1 -W 5 192.0.2.1
    was=$(nft -s list ruleset)
    space=$(stat -Lc %i /run/netns/web)
    nft flush ruleset
    refused inside web ping -c 1 -W 1 192.0.2.1
    natspace watch --once
    is "$(nft -s list ruleset)" "$was"
    is "$(stat -Lc %i /run/netns/web)" "$space"
    inside web ping -c 1 -W 5 192.0.2.1`,

  'The network of a container runtime': `
    ip -n c1 -br address show dev eth0 | grep 10.88.0.2/16
    hear mine 'iifname eth0 icmp type echo-request ip saddr 192.0.2.2'
    inside c1 ping -c 1 -W 5 192.0.2.1
    is "$(heard mine)" 1`,
}

/**
 * That a check is one: what has to be changed in a recipe for its title to be false, so that its check must fail. The first is
 * replaced by the second.
 */
export const spoilt: readonly { title: string; words: string; by: string }[] = [
  { title: 'A program that leaves by the VPN or not at all', words: '--uplink wg0 ', by: '' },
  { title: 'A program that leaves by the VPN or not at all', words: ' --host none', by: '' },
  {
    title: 'A program that leaves by the VPN or not at all',
    words: '--dns 198.51.100.1',
    by: '--dns 192.0.2.1',
  },
  { title: 'A port for this host alone', words: '127.0.0.1:8080:80', by: '8080:80' },
  { title: 'An AI agent with an allow-list', words: '--egress 192.0.2.1:80/tcp', by: '' },
  { title: 'An AI agent with an allow-list', words: ' --host none', by: '' },
  { title: 'A program without any network', words: '--internal ', by: '' },
  { title: 'A slow line', words: '--rate-down 8mbit', by: '' },
  { title: 'A database that one program alone reaches', words: 'other:', by: 'other: {connect: [db]}' },
  { title: 'Ask what would happen, and send nothing', words: ' --dry-run', by: '' },
]

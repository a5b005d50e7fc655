import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** The scripts of `natspace plan`, run by sh: who reaches what, and as whom, must be what `up` makes of it. */
const test = requireTool('ip', 'nft', 'iptables', 'ip6tables', 'sysctl', 'ping', 'nc')

const forms = ['up', 'shell', 'nft', 'iptables'] as const

/** Answers every connection and datagram with the address that it came from. */
const server = `
const [name, ...ports] = process.argv.slice(2)
const hostname = '::'
const plain = address => address.replace('::ffff:', '') + '\\n'
for (const port of ports.map(Number)) {
  Bun.listen({ hostname, port, socket: { open: socket => socket.end(plain(socket.remoteAddress)), data() {} } })
  const socket = { data: (socket, data, from, address) => socket.send(plain(address), from, address) }
  await Bun.udpSocket({ hostname, port, socket })
}
await Bun.write('/run/ready-' + name, '')
`

const functions = `
  cat >/run/server.mjs <<'EOF'
${server}
EOF
  mkdir /run/probes
  inside() { if test $1 = host; then shift; else set -- ip netns exec "$@"; fi; "$@"; }
  # A server in a namespace, or on this host, at these ports.
  serve() {
    if test $1 = host; then ${process.execPath} /run/server.mjs "$@" >&2 &
    else ip netns exec $1 ${process.execPath} /run/server.mjs "$@" >&2 &
    fi
    servers="$servers $!"; ready="$ready /run/ready-$1"
  }
  serving() { for file in $ready; do for attempt in $(seq 200); do test -e $file && break; sleep 0.05; done; done; }
  count=100
  # Everything is asked at once; what happens is printed in the order of the questions.
  probe() {
    count=$((count + 1)); title=$1; shift
    { answer=$("$@" </dev/null 2>/dev/null | sed 's/^fd.*::/PREFIX::/'); echo "$title: \${answer:-no}" >/run/probes/$count; } &
    probes="$probes $!"
  }
  tcp() { from=$1 title=$2; shift 2; probe "$from $title" inside $from nc -N -w3 "$@"; }
  udp() { from=$1 title=$2; shift 2; probe "$from $title" inside $from sh -c 'echo x | timeout 4 nc -u -W1 "$@"' sh "$@"; }
  echo_() { from=$1; probe "$from pings $2" inside $from sh -c 'ping -c1 -W3 "$1" | grep -o "1 received"' sh $2; }
  # Whether somebody says that a rule is in the way: what is dropped is not heard of.
  told() { from=$1; probe "$from is told of a rule before $3" inside $from sh -c 'ping -c1 -W2 "$1" | grep -o "filtered\\|prohibited"' sh $2; }
  # The IPv6 address of a space.
  address6() { ip -n $1 -br address show dev eth0 | grep -o 'fd[^/]*'; }
  begin() {
    if test $form = up; then natspace up -q "$@"; return; fi
    natspace plan "$@" --as $form >/run/add.sh; sh /run/add.sh
  }
  finish() { wait $probes; cat /run/probes/*; kill $servers; }`

const article = `
  ${functions}
  begin myspace $article
  # The rules of the article, which the script of iptables brings along.
  iptables -P FORWARD DROP
  test $form = iptables || { iptables -A FORWARD -i veth1 -j ACCEPT; iptables -A FORWARD -o veth1 -j ACCEPT; }
  ip -n host2 route add 192.168.45.0/24 via 192.168.1.32
  serve myspace 80 81; serve host2 80; serve host 22 53
  serving
  echo_ myspace 192.168.1.15
  tcp myspace 'to host2' 192.168.1.15 80
  tcp host2 'to the published port' 192.168.1.32 8080
  tcp host2 'to a port that is not published' 192.168.1.32 81
  tcp host2 'straight inside' 192.168.45.3 80
  tcp host 'by 127.0.0.1' 127.0.0.1 8080
  tcp myspace 'to itself' 192.168.1.32 8080
  tcp myspace 'to this host, 53' 192.168.45.2 53
  tcp myspace 'to this host, 22' 192.168.45.2 22
  finish`

const articleReach = `
myspace pings 192.168.1.15: 1 received
myspace to host2: 192.168.1.32
host2 to the published port: 192.168.1.15
host2 to a port that is not published: no
host2 straight inside: no
host by 127.0.0.1: 192.168.45.2
myspace to itself: 192.168.45.2
myspace to this host, 53: 192.168.45.3
myspace to this host, 22: no
`

const file = `{"spaces":{
  "web":{"gateway":"10.1.0.1/24","address":"10.1.0.2","uplink":"eth0","source":["192.168.1.33"],
    "host":"none","connect":["db"],
    "publish":["8080:80","[2001:db8:1::32]:8443:443","9000-9002:6000-6002/udp","7000-7010"],
    "egress":{"allow":["192.168.1.15:80/tcp","any:53","[2001:db8:1::/64]:80","192.168.2.0/24","169.254.0.0/16","any/icmp"]}},
  "db":{"gateway":"10.2.0.1/24","address":"10.2.0.2","internal":true,"publish":["127.0.0.1:5432:5432"]},
  "free":{"gateway":"10.3.0.1/24","address":"10.3.0.2","publish":["8081:80"]},
  "all":{"gateway":"10.4.0.1/24","address":"10.4.0.2","host":"all","metadata":true}}}`

/** A second network behind eth1, both families everywhere, and the metadata service of a cloud at host2. */
const twoNetworks = `
  ip netns add host3
  ip link add eth1 type veth peer name eth0 netns host3
  ip link set eth1 up; ip -n host3 link set eth0 up
  ip address add 192.168.1.33/24 dev eth0; ip address add 192.168.2.32/24 dev eth1
  ip -n host3 address add 192.168.2.15/24 dev eth0
  ip address add 2001:db8:1::32/64 dev eth0 nodad; ip address add 2001:db8:2::32/64 dev eth1 nodad
  ip -n host2 address add 2001:db8:1::15/64 dev eth0 nodad; ip -n host3 address add 2001:db8:2::15/64 dev eth0 nodad
  ip -6 route add default via 2001:db8:1::15; ip route replace default via 192.168.1.15
  ip -n host2 route replace default via 192.168.1.32; ip -n host2 -6 route add default via 2001:db8:1::32
  ip -n host3 route add default via 192.168.2.32; ip -n host3 -6 route add default via 2001:db8:2::32
  ip -n host2 address add 169.254.169.254/32 dev lo; ip -n host2 address add fd00:ec2::254/128 dev lo
  ip route add 169.254.169.254 via 192.168.1.15; ip route add fd00:ec2::254 via 2001:db8:1::15
  echo '${file}' >/run/spaces.json`

const dualStack = `
  ${functions}
  ${twoNetworks}
  begin -f /run/spaces.json
  ip -n db route add default via 10.2.0.1
  ip -n db -6 route add default via $(ip -br address show dev veth-db | grep -o 'fd[^/]*')
  ip -n web address add 10.1.0.99/24 dev eth0
  serve web 80 443 7005 6001; serve db 5432; serve free 80; serve host2 53 80 81; serve host3 80; serve host 22 53
  serving
  tcp host2 'to a port of web' 192.168.1.32 8080
  tcp host2 'to it by IPv6' 2001:db8:1::32 8080
  tcp host2 'to a port of one address' 2001:db8:1::32 8443
  tcp host2 'to it by IPv4' 192.168.1.32 8443
  tcp host2 'to a range' 192.168.1.32 7005
  tcp host2 'to a range by IPv6' 2001:db8:1::32 7005
  udp host2 'to a shifted range' 192.168.1.32 9001
  udp host2 'to a shifted range by IPv6' 2001:db8:1::32 9001
  tcp host2 'straight inside' 10.1.0.2 80
  tcp host2 'straight inside by IPv6' $(address6 web) 80
  told host2 10.1.0.2 web
  told host2 $(address6 web) 'web by IPv6'
  tcp host2 'to a port of 127.0.0.1' 192.168.1.32 5432
  tcp host2 'to host3' 192.168.2.15 80
  tcp host2 'to host3 by IPv6' 2001:db8:2::15 80
  tcp host 'by 127.0.0.1' 127.0.0.1 8080
  tcp host 'by ::1' ::1 8080
  tcp host 'to db by 127.0.0.1' 127.0.0.1 5432
  tcp host 'straight inside' 10.3.0.2 80
  tcp web 'to host2' 192.168.1.15 80
  tcp web 'to host2 by IPv6' 2001:db8:1::15 80
  udp web 'to host2, any:53' 192.168.1.15 53
  tcp web 'to host2, not in its list' 192.168.1.15 81
  tcp web 'to host2, not in its list, by IPv6' 2001:db8:1::15 81
  tcp web 'to host3 by another uplink' 192.168.2.15 80
  echo_ web 192.168.1.15
  echo_ web 2001:db8:1::15
  tcp web 'with a foreign source' -s 10.1.0.99 192.168.1.15 80
  tcp web 'to this host, 53' 10.1.0.1 53
  echo_ web 10.1.0.1
  tcp web 'to db' 10.2.0.2 5432
  tcp web 'to db by IPv6' $(address6 db) 5432
  tcp web 'to a port of free, not in its list' 192.168.1.32 8081
  tcp web 'to metadata' 169.254.169.254 80
  tcp web 'to metadata, 53' 169.254.169.254 53
  tcp db 'to web' 10.1.0.2 80
  tcp db 'to host2' 192.168.1.15 80
  told db 192.168.1.15 host2
  told db 2001:db8:1::15 'host2 by IPv6'
  tcp db 'to host2 by IPv6' 2001:db8:1::15 80
  tcp db 'to this host, 53' 10.2.0.1 53
  echo_ db 10.2.0.1
  tcp free 'to host2' 192.168.1.15 81
  tcp free 'to host2 by IPv6' 2001:db8:1::15 81
  tcp free 'to host3' 192.168.2.15 80
  tcp free 'to host3 by IPv6' 2001:db8:2::15 80
  tcp free 'to web' 10.1.0.2 80
  tcp free 'to web by IPv6' $(address6 web) 80
  tcp free 'to a port of web' 192.168.1.32 8080
  tcp free 'to a port of web by IPv6' 2001:db8:1::32 8080
  tcp free 'to itself' 192.168.1.32 8081
  tcp free 'to itself by IPv6' 2001:db8:1::32 8081
  tcp free 'to this host, 53' 10.3.0.1 53
  tcp free 'to this host, 22' 192.168.1.32 22
  tcp free 'to this host, 22, by IPv6' 2001:db8:1::32 22
  echo_ free 10.3.0.1
  tcp free 'to metadata' 169.254.169.254 80
  tcp free 'to metadata by IPv6' fd00:ec2::254 80
  tcp free 'to metadata by IPv6, 53' fd00:ec2::254 53
  tcp all 'to metadata' 169.254.169.254 80
  tcp all 'to metadata by IPv6' fd00:ec2::254 80
  tcp all 'to this host, 22' 192.168.1.32 22
  tcp all 'to this host, 22, by IPv6' 2001:db8:1::32 22
  tcp all 'to db' 10.2.0.2 5432
  finish`

const dualStackReach = `
host2 to a port of web: 192.168.1.15
host2 to it by IPv6: 2001:db8:1::15
host2 to a port of one address: 2001:db8:1::15
host2 to it by IPv4: no
host2 to a range: 192.168.1.15
host2 to a range by IPv6: 2001:db8:1::15
host2 to a shifted range: 192.168.1.15
host2 to a shifted range by IPv6: 2001:db8:1::15
host2 straight inside: no
host2 straight inside by IPv6: no
host2 is told of a rule before web: no
host2 is told of a rule before web by IPv6: no
host2 to a port of 127.0.0.1: no
host2 to host3: no
host2 to host3 by IPv6: no
host by 127.0.0.1: 10.1.0.1
host by ::1: PREFIX::a01:1
host to db by 127.0.0.1: 10.2.0.1
host straight inside: 10.3.0.1
web to host2: 192.168.1.33
web to host2 by IPv6: 2001:db8:1::32
web to host2, any:53: 192.168.1.33
web to host2, not in its list: no
web to host2, not in its list, by IPv6: no
web to host3 by another uplink: no
web pings 192.168.1.15: 1 received
web pings 2001:db8:1::15: 1 received
web with a foreign source: no
web to this host, 53: no
web pings 10.1.0.1: no
web to db: 10.2.0.1
web to db by IPv6: PREFIX::a02:1
web to a port of free, not in its list: no
web to metadata: no
web to metadata, 53: 192.168.1.33
db to web: no
db to host2: no
db is told of a rule before host2: filtered
db is told of a rule before host2 by IPv6: prohibited
db to host2 by IPv6: no
db to this host, 53: no
db pings 10.2.0.1: 1 received
free to host2: 192.168.1.32
free to host2 by IPv6: 2001:db8:1::32
free to host3: 192.168.2.32
free to host3 by IPv6: 2001:db8:2::32
free to web: no
free to web by IPv6: no
free to a port of web: 10.3.0.2
free to a port of web by IPv6: PREFIX::a03:2
free to itself: 10.3.0.1
free to itself by IPv6: PREFIX::a03:1
free to this host, 53: 10.3.0.2
free to this host, 22: no
free to this host, 22, by IPv6: no
free pings 10.3.0.1: 1 received
free to metadata: no
free to metadata by IPv6: no
free to metadata by IPv6, 53: 2001:db8:1::32
all to metadata: 192.168.1.32
all to metadata by IPv6: 2001:db8:1::32
all to this host, 22: 10.4.0.2
all to this host, 22, by IPv6: PREFIX::a04:2
all to db: no
`

describe('who reaches what', () => {
  for (const form of forms)
    test(`${form}: the article's space`, () => {
      expect(`\n${expectOnNewHost(`form=${form}\n${article}`)}`).toBe(articleReach)
    })

  for (const form of forms)
    test(`${form}: dual stack, policies, an internal space`, () => {
      expect(`\n${expectOnNewHost(`form=${form}\n${dualStack}`)}`).toBe(dualStackReach)
    })
})

/** Every rule and chain of iptables, of both families, and all that nft knows beside. */
const rules = `
  rules() {
    for program in iptables ip6tables; do for table in raw mangle nat filter; do $program -t $table -S; done; done
  }`

describe('the rules of iptables', () => {
  test('go with the spaces, one after the other, and nothing is left', () => {
    const output = expectOnNewHost(`
      ${twoNetworks}
      ${rules}
      # Rules of somebody else stay where they are.
      iptables -A FORWARD -s 203.0.113.1 -j DROP; ip6tables -t nat -A POSTROUTING -s 2001:db8:9::1 -j MASQUERADE
      rules >/run/before
      natspace plan -f /run/spaces.json --as iptables >/run/add.sh
      natspace up -q -f /run/spaces.json
      natspace plan --down web free --as iptables >/run/remove-two.sh; natspace down -q web free
      natspace plan --down --all --as iptables >/run/remove-others.sh; natspace down -q --all
      sh /run/add.sh; rules >/run/with-all
      sh /run/remove-two.sh; rules >/run/with-two; sh /run/remove-others.sh; rules >/run/after
      for file in with-all with-two after; do grep -c 'veth-\\(web\\|free\\)' /run/$file || true; grep -c 'veth-\\(db\\|all\\)' /run/$file || true; done
      grep -c '^-A NATSPACE-ROUTER' /run/with-two
      cmp /run/before /run/after && echo 'nothing left'
      ip netns list | cut -d ' ' -f 1 | sort`)
    const [webAll, dbAll, webTwo, dbTwo, webNone, dbNone, router, ...rest] = output.split('\n')
    expect(Number(webAll)).toBeGreaterThan(50)
    expect([webTwo, webNone, dbNone]).toEqual(['0', '0', '0'])
    expect(Number(dbAll)).toBeGreaterThan(Number(dbTwo) - 1)
    expect(Number(dbTwo)).toBeGreaterThan(30)
    // Of eth0 and eth1, in both families.
    expect(router).toBe('4')
    expect(rest).toEqual(['nothing left', 'host2', 'host3', ''])
  })

  test('refuse before others are made to accept', () => {
    const output = expectOnNewHost(`
      iptables -P FORWARD DROP; iptables -A FORWARD -i veth1 -j DROP
      nft add table inet admin; nft 'add chain inet admin pass { type filter hook forward priority 0; policy drop; }'
      natspace plan myspace $article --egress 192.168.1.15/icmp --fix-firewall --as iptables >/run/add.sh
      sh /run/add.sh
      nft list table inet admin | grep -c natspace:myspace
      ip netns exec myspace ping -c1 -W2 192.168.1.15 | grep -o '1 received'
      ip netns exec myspace ping -c1 -W2 192.168.1.16 | grep -o 'filtered'`)
    expect(output).toBe('2\n1 received\nfiltered\n')
  })

  test('of a space that changes are replaced', () => {
    const output = expectOnNewHost(`
      ${twoNetworks}
      ${rules}
      natspace plan myspace $article --as iptables >/run/first.sh
      natspace up -q myspace $article
      natspace plan myspace $article -p 9000:90 --egress 10.0.0.0/8 --as iptables >/run/second.sh
      natspace down -q myspace
      natspace plan myspace $article -p 9000:90 --egress 10.0.0.0/8 --as iptables >/run/at-once.sh
      sh /run/first.sh; sh /run/second.sh; rules | sort >/run/by-steps
      ip link delete veth1; ip netns delete myspace
      for program in iptables ip6tables; do for table in raw mangle nat filter; do $program -t $table -F; $program -t $table -X; done; done
      sysctl -q -w net.ipv4.ip_forward=0
      sh /run/at-once.sh; rules | sort >/run/at-once
      diff /run/by-steps /run/at-once && grep -c 'dport 9000' /run/at-once`)
    expect(output).toBe('2\n')
  })
})

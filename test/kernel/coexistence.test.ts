/**
 * Somebody else's forwarding beside ours: bridges with two machines each, masquerade and a forwarded port, as libvirt
 * and Docker make them. What got through before must get through with natspace and after it; what did not must not.
 */
import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables', 'ip6tables', 'iptables-legacy', 'sysctl', 'ping', 'nc')

/**
 * `tool N FIREWALL` makes the bridge br-N with the machines vmN1 and vmN2 at 10.N.0.2 and .3 and fdN::2 and ::3, whose
 * packets to elsewhere are translated, and leads port 220N of the host to vmN1. `seen N` prints what gets through:
 * from vmN1 out to host2, in from host2, over the bridge, and to the host, by each family. `quiet` is a snapshot without
 * what counts and ticks by itself.
 */
const functions = `
ip address add 2001:db8::32/64 dev eth0 nodad
ip -n host2 address add 2001:db8::15/64 dev eth0 nodad
ip -n host2 -6 route add default via 2001:db8::32
started=""
trap 'for process in $started; do kill $process; done 2>/dev/null' EXIT

serve() { # NAMESPACE PORT
  ip netns exec $1 timeout 50 nc -6 -lk $2 >/dev/null 2>&1 &
  started="$started $!"
  ip netns exec $1 timeout 50 nc -4 -lk $2 >/dev/null 2>&1 &
  started="$started $!"
  for attempt in $(seq 500); do
    test $(ip netns exec $1 ss -Hltn "sport = :$2" | wc -l) -ge 2 && break; sleep 0.02
  done
}
tool() { # N FIREWALL
  ip link add br-$1 type bridge
  ip address add 10.$1.0.1/24 dev br-$1
  ip address add fd$1::1/64 dev br-$1 nodad
  ip link set br-$1 up
  for vm in 1 2; do
    ip netns add vm$1$vm
    ip link add port$1$vm type veth peer name eth0 netns vm$1$vm
    ip link set port$1$vm master br-$1 up
    ip -n vm$1$vm link set lo up
    ip -n vm$1$vm address add 10.$1.0.$((vm + 1))/24 dev eth0
    ip -n vm$1$vm address add fd$1::$((vm + 1))/64 dev eth0 nodad
    ip -n vm$1$vm link set eth0 up
    ip -n vm$1$vm route add default via 10.$1.0.1
    ip -n vm$1$vm -6 route add default via fd$1::1
  done
  $2_rules $1
  serve vm$11 80
  for attempt in $(seq 100); do
    ip netns exec vm$11 nc -z -w1 10.$1.0.1 1 || true
    ip netns exec vm$11 nc -z -w1 10.$1.0.2 80 && ip netns exec vm$11 nc -z -w1 fd$1::2 80 && break
    sleep 0.02
  done
}
iptables_rules() {
  iptables -t nat -A POSTROUTING -s 10.$1.0.0/24 ! -o br-$1 -j MASQUERADE
  iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 220$1 -j DNAT --to-destination 10.$1.0.2:80
  ip6tables -t nat -A POSTROUTING -s fd$1::/64 ! -o br-$1 -j MASQUERADE
  ip6tables -t nat -A PREROUTING -i eth0 -p tcp --dport 220$1 -j DNAT --to-destination "[fd$1::2]:80"
}
nft_rules() {
  nft -f - <<END
table inet tool$1 {
  chain post {
    type nat hook postrouting priority srcnat
    ip saddr 10.$1.0.0/24 oifname != "br-$1" masquerade
    ip6 saddr fd$1::/64 oifname != "br-$1" masquerade
  }
  chain pre {
    type nat hook prerouting priority dstnat
    iifname "eth0" tcp dport 220$1 meta nfproto ipv4 dnat ip to 10.$1.0.2:80
    iifname "eth0" tcp dport 220$1 meta nfproto ipv6 dnat ip6 to [fd$1::2]:80
  }
}
END
}
try() { # NAME NAMESPACE COMMAND...
  name=$1; namespace=$2; shift 2
  if ip netns exec $namespace "$@" >/dev/null 2>&1; then printf ' %s' $name; fi
}
seen() {
  printf '%s:' $1
  try out4 vm$11 ping -c1 -W0.5 192.168.1.15
  try out6 vm$11 ping -c1 -W0.5 2001:db8::15
  try in4 host2 nc -z -w1 192.168.1.32 220$1
  try in6 host2 nc -z -w1 2001:db8::32 220$1
  try bridge4 vm$11 ping -c1 -W0.5 10.$1.0.3
  try bridge6 vm$11 ping -c1 -W0.5 fd$1::3
  try host4 vm$11 ping -c1 -W0.5 10.$1.0.1
  try host6 vm$11 ping -c1 -W0.5 fd$1::1
  echo
}
quiet() {
  snapshot | grep -v _timer | sed 's/packets [0-9]* bytes [0-9]*//; s/\\[[0-9]*:[0-9]*\\]//'
}
ours() { # what natspace's own space gets: out, in, and asked by a machine on the bridge of the tool 1
  serve myspace 80
  try out4 myspace ping -c1 -W0.5 192.168.1.15
  try out6 myspace ping -c1 -W0.5 2001:db8::15
  try in4 host2 nc -z -w1 192.168.1.32 8080
  try in6 host2 nc -z -w1 2001:db8::32 8080
  try asked4 vm11 nc -z -w1 10.1.0.1 8080
  try asked6 vm11 nc -z -w1 fd1::1 8080
  echo
}
up() { natspace up -q myspace $article --ipv6 on; }
`

const all = 'out4 out6 in4 in6 bridge4 bridge6 host4 host6'
const notForwarded = 'bridge4 bridge6 host4 host6'
const space = ' out4 out6 in4 in6 asked4 asked6'
const lines = (script: string): string[] => expectOnNewHost(`${functions}\n${script}`).trimEnd().split('\n')

const forward = 'sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1'

describe('on a host that forwards already', () => {
  for (const firewall of ['iptables', 'nft'])
    test(`all goes on: rules of ${firewall}, made before natspace and after it`, () => {
      const output = lines(`
        ${forward}
        tool 1 ${firewall}
        seen 1
        quiet >/run/before
        up
        seen 1
        ours
        natspace down -q myspace
        quiet >/run/after
        diff /run/before /run/after && echo EQUAL
        seen 1
        up
        tool 2 ${firewall}
        seen 1; seen 2
        natspace down -q myspace
        seen 1; seen 2`)
      const [one, two] = [`1: ${all}`, `2: ${all}`]
      expect(output).toEqual([one, one, space, 'EQUAL', one, one, two, one, two])
    })
})

describe('on a host that does not forward', () => {
  test('what was not forwarded is not, with natspace and after it; bridged frames go on', () => {
    const output = lines(`
      tool 1 iptables
      seen 1
      quiet >/run/before
      up
      seen 1
      ours
      natspace down -q myspace
      quiet >/run/after
      diff /run/before /run/after && echo EQUAL
      seen 1`)
    const one = `1: ${notForwarded}`
    expect(output).toEqual([one, one, space, 'EQUAL', one])
  })

  test('a tool that comes later forwards, and what was apart before stays apart', () => {
    const output = lines(`
      tool 1 nft
      up
      ${forward}
      tool 2 nft
      seen 1; seen 2
      ours
      natspace status myspace >/dev/null && echo healthy
      # With the last space forwarding of IPv4 goes, as it came; that of IPv6 is the tool's own.
      natspace down -q myspace
      sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding
      seen 2
      ${forward}
      seen 2`)
    expect(output).toEqual([
      `1: ${notForwarded}`,
      `2: ${all}`,
      space,
      'healthy',
      '0',
      '1',
      `2: out6 in6 ${notForwarded}`,
      `2: ${all}`,
    ])
  })

  test('bridged frames that the firewall sees go on (br_netfilter)', () => {
    const output = lines(`
      tool 1 iptables
      if ! test -e /proc/sys/net/bridge; then echo 'no br_netfilter'; fi
      for setting in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do
        test ! -e $setting || echo 1 >$setting
      done
      up
      nft insert rule inet natspace forward iifname br-1 oifname br-1 counter
      seen 1
      nft list chain inet natspace forward | grep br-1 | grep -c 'packets 0' || true
      nft delete element inet natspace bridges '{ br-1 . br-1 }'
      seen 1`)
    const one = `1: ${notForwarded}`
    // Without br_netfilter the frames go by the bridge alone, and the firewall counts nothing.
    if (output[0] === 'no br_netfilter') expect(output.slice(1)).toEqual([one, '1', one])
    // With it they would be taken for routed ones, were it not known that it is a bridge.
    else expect(output).toEqual([one, '0', '1: host4 host6'])
  })
})

describe('a port that rules of others lead elsewhere', () => {
  for (const [name, rules] of Object.entries({
    'iptables-nft':
      'iptables -t nat -A PREROUTING -p tcp --dport 2500 -j DNAT --to-destination 192.168.1.15:80',
    'iptables-legacy':
      'iptables-legacy -t nat -A PREROUTING -p tcp --dport 2500 -j DNAT --to-destination 192.168.1.15:80',
    'ip6tables-legacy':
      'ip6tables-legacy -t nat -A PREROUTING -p tcp --dport 2500 -j DNAT --to-destination [2001:db8::15]:80',
  }))
    test(`is refused with the name of who does, alone and in a long range: ${name}`, () => {
      const output = lines(`
        ${rules}
        said() { "$@" 2>&1 >/dev/null | sed -n 's/.*: a rule of \\([a-z0-9-]*\\) leads \\(.*\\) already/\\1 \\2/p'; }
        said natspace up myspace -p 2500:80
        said natspace up myspace -p 1000-9999
        natspace up -q myspace -p 1000-2499 -p 2501-9999 -p 2500:80/udp
        said natspace publish myspace 2500:80`)
      const owner = name === 'iptables-nft' ? 'iptables' : name
      const where = name.startsWith('ip6')
        ? '[2001:db8::32]:2500/tcp to [2001:db8::15]:80'
        : '192.168.1.32:2500/tcp to 192.168.1.15:80'
      expect(output).toEqual(Array.from({ length: 3 }, () => `${owner} ${where}`))
    })
})

describe('a chain of others that forwarded packets meet before or behind the hook forward', () => {
  const cases = [
    [
      'prerouting, of the space',
      'chain pre { type filter hook prerouting priority raw; iifname "veth-myspace" drop',
      'what myspace sends',
      "nft insert rule inet admin pre iifname 'veth-myspace' accept",
    ],
    [
      'prerouting, of the published port',
      'chain pre { type filter hook prerouting priority mangle; iifname "eth0" tcp dport 8080 drop',
      'what comes to the published ports of myspace',
      "nft insert rule inet admin pre iifname 'eth0' accept",
    ],
    [
      'postrouting, by policy',
      'chain post { type filter hook postrouting priority 0; policy drop; oifname "lo" accept',
      'what myspace sends',
      "nft insert rule inet admin post oifname 'eth0' accept",
    ],
  ] as const
  for (const [name, chain, what, fix] of cases)
    test(`is named, also with --fix-firewall, and status says that it blocks: ${name}`, () => {
      const output = expectOnNewHost(`${functions}
        printf '%s\\n' 'table inet admin {' '${chain.replace(' {', " {' '").replaceAll('; ', "' '")}' '}' '}' | nft -f -
        natspace up myspace --uplink eth0 -p 8080:80 --fix-firewall 2>&1
        natspace status myspace --json | tr ',' '\\n' | grep -c 'inet admin' || true
        serve host2 7000; serve myspace 80
        ip netns exec myspace nc -z -w1 192.168.1.15 7000 && ip netns exec host2 nc -z -w1 192.168.1.32 8080 && echo REACHED || echo STOPPED
        natspace down -q myspace
        nft list table inet admin | grep -c natspace || true`)
      expect(output).toContain(`may drop ${what}`)
      expect(output).toMatch(/chain inet admin \w+ \(nftables\) drops it by/)
      expect(output).toContain(fix)
      expect(output).toMatch(/^[1-9]\nSTOPPED\n0\n$/m)
    })

  test('is not named where it lets pass what is a space’s, whatever it drops of others', () => {
    const output = expectOnNewHost(`
      nft -f - <<'END'
table inet admin {
  chain pre {
    type filter hook prerouting priority raw
    iifname "eth0" ip saddr { 10.0.0.0/8, 127.0.0.0/8 } drop
    iifname "eth0" tcp dport 23 drop
    fib saddr . iif oif 0 drop
  }
  chain mangled {
    type filter hook prerouting priority mangle
    ct state invalid drop
    ct state established,related accept
    iifname "eth0" tcp dport != { 22, 8080 } drop
  }
  chain post {
    type filter hook postrouting priority 300
    oifname "eth0" ip saddr 10.0.0.0/8 drop
  }
}
END
      natspace up -q myspace -p 8080:80 2>&1
      natspace status myspace | grep 'published'
      ip netns exec myspace ping -c1 -W2 192.168.1.15 >/dev/null && echo REACHED`)
    expect(output.replace(/ +/g, ' ')).toBe(
      ' published 8080:80 from this host, the LAN and other spaces\nREACHED\n',
    )
  })
})

/**
 * What these programs write for one network of theirs: libvirt 9 by iptables, Incus 6 by nft, Tailscale 1.6x by iptables.
 */
const programs = {
  libvirt: {
    link: 'virbr0',
    rules: `
      iptables-restore --noflush <<'END'
*filter
:LIBVIRT_FWI - [0:0]
:LIBVIRT_FWO - [0:0]
:LIBVIRT_FWX - [0:0]
:LIBVIRT_INP - [0:0]
:LIBVIRT_OUT - [0:0]
-A INPUT -j LIBVIRT_INP
-A FORWARD -j LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWI
-A FORWARD -j LIBVIRT_FWO
-A OUTPUT -j LIBVIRT_OUT
-A LIBVIRT_FWI -d 10.7.0.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWO -s 10.7.0.0/24 -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p tcp -m tcp --dport 53 -j ACCEPT
-A LIBVIRT_OUT -o virbr0 -p udp -m udp --dport 68 -j ACCEPT
COMMIT
*nat
:LIBVIRT_PRT - [0:0]
-A POSTROUTING -j LIBVIRT_PRT
-A LIBVIRT_PRT -s 10.7.0.0/24 -d 224.0.0.0/24 -j RETURN
-A LIBVIRT_PRT -s 10.7.0.0/24 ! -d 10.7.0.0/24 -p tcp -j MASQUERADE --to-ports 1024-65535
-A LIBVIRT_PRT -s 10.7.0.0/24 ! -d 10.7.0.0/24 -p udp -j MASQUERADE --to-ports 1024-65535
-A LIBVIRT_PRT -s 10.7.0.0/24 ! -d 10.7.0.0/24 -j MASQUERADE
COMMIT
END`,
    // It lets nobody begin a connection to its machines.
    entered: '',
  },
  Incus: {
    link: 'incusbr0',
    rules: `
      nft -f - <<'END'
table inet incus {
  chain pstrt.incusbr0 {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.7.0.0/24 ip daddr != 10.7.0.0/24 masquerade
  }
  chain fwd.incusbr0 {
    type filter hook forward priority filter; policy accept;
    ip version 4 oifname "incusbr0" accept
    ip version 4 iifname "incusbr0" accept
  }
  chain in.incusbr0 {
    type filter hook input priority filter; policy accept;
    iifname "incusbr0" tcp dport 53 accept
    iifname "incusbr0" udp dport 53 accept
    iifname "incusbr0" udp dport 67 accept
  }
  chain out.incusbr0 {
    type filter hook output priority filter; policy accept;
    oifname "incusbr0" tcp sport 53 accept
    oifname "incusbr0" udp sport 53 accept
  }
}
END`,
    entered: ' entered',
  },
  Tailscale: {
    link: 'tailscale0',
    rules: `
      iptables-restore --noflush <<'END'
*filter
:ts-forward - [0:0]
:ts-input - [0:0]
-A INPUT -j ts-input
-A FORWARD -j ts-forward
-A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
-A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP
-A ts-forward -o tailscale0 -j ACCEPT
-A ts-input -s 100.64.0.0/10 ! -i tailscale0 -j DROP
-A ts-input -i tailscale0 -j ACCEPT
COMMIT
*nat
:ts-postrouting - [0:0]
-A POSTROUTING -j ts-postrouting
-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE
COMMIT
END
      ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
      ip rule add pref 5230 fwmark 0x80000/0xff0000 lookup default
      ip rule add pref 5270 lookup 52
      ip route add 10.7.0.0/24 dev tailscale0 table 52`,
    entered: ' entered',
  },
} as const

describe('beside the rules of', () => {
  for (const [name, { link, rules, entered }] of Object.entries(programs))
    test(`${name}: nothing is in the way of a space, theirs go on, and are as they were`, () => {
      const output = lines(`
        ${forward}
        ip link add ${link} type bridge; ip address add 10.7.0.1/24 dev ${link}; ip link set ${link} up
        ip netns add vm; ip link add port type veth peer name eth0 netns vm; ip link set port master ${link} up
        ip -n vm address add 10.7.0.2/24 dev eth0; ip -n vm link set eth0 up; ip -n vm route add default via 10.7.0.1
        ${rules}
        theirs() { out=$(ip netns exec vm ping -c1 -W2 192.168.1.15 >/dev/null && echo out || echo shut); echo "theirs $out"; }
        serve vm 80
        theirs
        quiet >/run/before
        natspace up -q myspace -p 8080:80 2>&1
        serve myspace 80
        printf ours
        try out myspace ping -c1 -W2 192.168.1.15
        try in host2 nc -z -w2 192.168.1.32 8080
        try asked vm nc -z -w2 10.7.0.1 8080
        try entered myspace nc -z -w2 10.7.0.2 80
        natspace status -q myspace >/run/status && echo ' healthy' || cat /run/status
        theirs
        natspace down -q myspace
        quiet >/run/after
        diff /run/before /run/after && echo EQUAL
        theirs`)
      expect(output).toEqual([
        'theirs out',
        `ours out in asked${entered} healthy`,
        'theirs out',
        'EQUAL',
        'theirs out',
      ])
    })
})

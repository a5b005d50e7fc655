/** The way out of the host, as it may be made: what follows it, and whether a space gets through. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'sysctl', 'ping', 'nc')

const functions = `
# far LINK MTU ADDRESS/LENGTH: another link of the host, and a machine behind it.
far() {
  ip netns add at-$1
  ip link add $1 mtu $2 type veth peer name eth0 mtu $2 netns at-$1
  ip link set $1 up; ip address add $3 dev $1
  ip -n at-$1 link set eth0 up
}
told() { # what the cable of myspace has, and what status tells
  ip -o link show veth-myspace | sed 's/.* mtu \\([0-9]*\\) .*/\\1/'
  natspace status myspace | sed -n 's/^ *uplink *//p'
}
pings() { ip netns exec myspace ping -c1 -W2 $1 >/dev/null && echo out || echo no way out; }
comes() { # ADDRESS PORT: a connection of host2
  ip netns exec myspace timeout 20 nc -lk $3 80 >/dev/null & server=$!
  for attempt in $(seq 500); do ip netns exec myspace ss -Hltn 'sport = :80' | grep -q . && break; sleep 0.02; done
  ip netns exec host2 nc -z -w2 $1 $2 && echo in || echo no way in
  kill $server
}
# Waits until both ends of the LAN have a link-local address that can be used.
local6() { ip $1 -6 -br address show dev eth0 scope link | sed 's/.* \\(fe80[^/]*\\).*/\\1/'; }
`

const told = (script: string): string[] => expectOnNewHost(`${functions}\n${script}`).trim().split('\n')

describe('which link leads outside is the kernel’s to say', () => {
  test('halves of a default route, as VPNs have them; and back', () => {
    const output = told(`
      far vpn 1380 10.8.0.2/24
      natspace up -q myspace; told
      ip route add 0.0.0.0/1 dev vpn; ip route add 128.0.0.0/1 dev vpn
      natspace status -q myspace >/dev/null || echo differs
      natspace up -q myspace; told
      ip link delete vpn
      natspace up -q myspace; told; pings 192.168.1.15`)
    expect(output).toEqual(['1500', 'eth0', 'differs', '1380', 'vpn', '1500', 'eth0', 'out'])
  })

  test('rules of policy routing: a table of its own, as wg-quick has it', () => {
    const output = told(`
      far vpn 1420 10.8.0.2/24
      ip route add default dev vpn table 51820
      ip rule add not fwmark 51820 table 51820
      ip rule add table main suppress_prefixlength 0
      natspace up -q myspace -p 8080:80; told; pings 192.168.1.15; comes 192.168.1.32 8080 -4`)
    expect(output).toEqual(['1420', 'vpn', 'out', 'in'])
  })

  test('a default route in another table alone', () => {
    const output = told(`
      ip link set eth0 mtu 1450
      ip route delete default
      ip route add default via 192.168.1.15 table 100
      ip rule add lookup 100 pref 40000
      natspace up -q myspace; told; pings 192.168.1.15`)
    expect(output).toEqual(['1450', 'eth0', 'out'])
  })

  test('several next hops: one of them', () => {
    const output = told(`
      far second 1500 192.168.9.2/24
      ip -n at-second address add 192.168.9.1/24 dev eth0
      ip route replace default nexthop via 192.168.1.15 dev eth0 nexthop via 192.168.9.1 dev second
      natspace up -q myspace; told | sed 's/second/eth0/'; pings 192.168.1.15; pings 192.168.9.1`)
    expect(output).toEqual(['1500', 'eth0', 'out', 'out'])
  })

  test('none at all', () => {
    const output = told(`
      ip route delete default
      natspace up -q myspace; told; pings 192.168.1.15`)
    expect(output).toEqual(['1500', 'none', 'out'])
  })
})

describe('a host with IPv6 alone', () => {
  test('has an uplink, and its MTU', () => {
    const output = told(`
      ip link set eth0 mtu 1400; ip -n host2 link set eth0 mtu 1400
      ip address flush dev eth0 scope global
      ip address add 2001:db8::32/64 dev eth0 nodad; ip -n host2 address add 2001:db8::15/64 dev eth0 nodad
      ip route add default via 2001:db8::15
      natspace up -q myspace -p 8080:80; told; pings 2001:db8::15; comes 2001:db8::32 8080 -6`)
    expect(output).toEqual(['1400', 'eth0', 'out', 'in'])
  })

  test('and links without an address of their own: it is on the loopback', () => {
    const output = told(`
      for attempt in $(seq 200); do
        ip -6 address show dev eth0 tentative | grep -q . || ip -n host2 -6 address show dev eth0 tentative | grep -q . || break
        sleep 0.02
      done
      ip address flush dev eth0 scope global
      ip address add 2001:db8:5::1/128 dev lo
      ip route add default via $(local6 '-n host2') dev eth0
      ip -n host2 address add 2001:db8:7::15/128 dev lo
      ip -n host2 route add 2001:db8:5::1/128 via $(local6) dev eth0
      ping -c1 -W2 2001:db8:7::15 >/dev/null
      natspace up -q myspace -p 8080:80; told; pings 2001:db8:7::15; comes 2001:db8:5::1 8080 -6
      natspace status -q myspace >/dev/null && echo healthy
      natspace down -q myspace
      sysctl -a -r '^net.ipv6.conf.*force_forwarding' | grep -v '= 0' || true`)
    expect(output).toEqual(['1500', 'eth0', 'out', 'in', 'healthy'])
  })
})

test('a link for each family: whoever is in the way of one is named, and status tells the other apart', () => {
  const output = told(`
    far second 1500 192.168.9.2/24
    ip address add 2001:db8::32/64 dev second nodad; ip -n at-second address add 2001:db8::15/64 dev eth0 nodad
    ip route add default via 2001:db8::15
    nft 'add table inet admin'
    nft 'add chain inet admin pass { type filter hook forward priority 10; }'
    nft 'add rule inet admin pass oifname second drop'
    nft 'add rule inet admin pass iifname second drop'
    natspace up myspace -p 8080:80 2>&1 | sed -n 's/.*\\(chain inet admin pass .nftables. drops it\\).*/\\1/p'
    natspace status myspace --json | grep -o '"blockedBy":[^}]*' | grep -o '"from".*'
    pings 192.168.1.15; pings 2001:db8::15`)
  expect(output).toEqual([
    'chain inet admin pass (nftables) drops it',
    'chain inet admin pass (nftables) drops it',
    '"from":["lan"],"families":[6]',
    'out',
    'no way out',
  ])
})

describe('--uplink', () => {
  test('is a bridge, not a port of it: nothing leaves by that', () => {
    const output = told(`
      ip link add br0 type bridge
      ip address flush dev eth0
      ip link set eth0 master br0; ip link set br0 up
      ip address add 192.168.1.32/24 dev br0
      natspace up myspace --uplink eth0 2>&1 | sed -n 's/^.*of myspace: \\|^ *code: //p'
      natspace up -q myspace --uplink br0 -p 8080:80; told; pings 192.168.1.15; comes 192.168.1.32 8080 -4`)
    expect(output).toEqual([
      "it is a port of the bridge 'br0', by which packets leave",
      'BAD_UPLINK',
      '1500',
      'br0',
      'out',
      'in',
    ])
  })

  test('goes and comes again, and the space with it', () => {
    const output = told(`
      again() { far second 1500 192.168.9.2/24; ip -n at-second address add 192.168.9.1/24 dev eth0; }
      again
      natspace up -q myspace --uplink second; pings 192.168.9.1; pings 192.168.1.15
      ip link delete second; ip netns delete at-second
      natspace status myspace | grep -A2 differs | sed 's/^ *//'
      again; pings 192.168.9.1; natspace status -q myspace >/dev/null && echo healthy`)
    expect(output).toEqual([
      'out',
      'no way out',
      "differs        uplink 'second'",
      'expected     on this host',
      'found        no such link',
      'out',
      'healthy',
    ])
  })
})

test('the address of the uplink changes: what is published on every address, and what leaves, go on', () => {
  const output = told(`
    natspace up -q myspace -p 8080:80 -p 192.168.1.32:8081:80
    ip address add 192.168.1.40/24 dev eth0
    sysctl -qw net.ipv4.conf.eth0.promote_secondaries=1
    ip address delete 192.168.1.32/24 dev eth0
    pings 192.168.1.15; comes 192.168.1.40 8080 -4; comes 192.168.1.40 8081 -4
    natspace status myspace | grep -o 'this host has no address.*'`)
  expect(output).toEqual(['out', 'in', 'no way in', 'this host has no address 192.168.1.32'])
})

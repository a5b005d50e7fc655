/** The doctor finds nothing where nothing is wrong, whoever connected the namespace and whatever else the host has. */
import { expect } from 'bun:test'
import { byHand } from '../support/hand-made.ts'
import { onNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'iptables', 'iptables-legacy', 'sysctl', 'ping', 'tcpdump')

const up = 'natspace up -q myspace $article'
const to = '--to 192.168.1.15'
const lan6 = `
ip address add fd00:1::32/64 dev eth0 nodad
ip -n host2 address add fd00:1::15/64 dev eth0 nodad
`
/** Another link of the host, with another neighbour behind it. */
const secondUplink = `
ip netns add host3
ip link add eth1 type veth peer name eth0 netns host3
ip address add 192.168.7.32/24 dev eth1
ip link set eth1 up
ip -n host3 address add 192.168.7.15/24 dev eth0
ip -n host3 link set eth0 up
`
const bridged = `
ip link add br0 type bridge
ip address add 172.20.0.1/16 dev br0
ip link set br0 up
sysctl -qw net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -s 172.20.0.0/16 ! -o br0 -j MASQUERADE
plug() { # NAMESPACE-PATH LINK ADDRESS
  ip link add $2 type veth peer name tmp0
  ip link set $2 master br0 up
}
`

/** Healthy set-ups: a script, and how the doctor is called. */
const setups: readonly [name: string, script: string, call: string][] = [
  ['the article', up, `myspace ${to}`],
  ['the article, asked without a destination', up, 'myspace'],
  ['the article, a TCP port that refuses', up, `myspace ${to}:81`],
  ['the article made by hand', 'by_hand', `myspace ${to}`],
  ['by hand, asked by its path', 'by_hand', `/run/netns/myspace ${to}`],
  [
    'by hand, asked by a process',
    'by_hand; ip netns exec myspace sleep 20 >/dev/null 2>&1 & child=$!; until ip netns pids myspace | grep -q $child; do :; done',
    `$child ${to}`,
  ],
  ['no uplink pinned', 'natspace up -q myspace', `myspace ${to}`],
  ['dual stack', `${lan6}natspace up -q myspace --ipv6 on`, `myspace ${to}`],
  ['dual stack, by IPv6', `${lan6}natspace up -q myspace --ipv6 on`, 'myspace --to fd00:1::15'],
  ['internal', 'natspace up -q myspace --internal', 'myspace'],
  [
    'an own source address',
    `ip address add 192.168.1.77/24 dev eth0; ${up} --source 192.168.1.77`,
    `myspace ${to}`,
  ],
  ['an egress list that allows it', `${up} --egress 192.168.1.0/24`, `myspace ${to}`],
  [
    'two spaces, one connected to the other',
    `${up}; natspace up -q second --connect myspace`,
    `second ${to}`,
  ],
  ['many published ports', `${up} -p 9000-9100:9000-9100 -p 53:53/udp`, `myspace ${to}`],
  [
    'a published port, from outside',
    `${up}; ip netns exec myspace nc -l -k 0.0.0.0 80 >/dev/null 2>&1 & child=$!; until ip netns exec myspace ss -ltn | grep -q :80; do sleep 0.05; done`,
    `myspace ${to} --inbound 8080`,
  ],
  ['a limited rate', `${up} --rate-up 10mbit --rate-down 20mbit`, `myspace ${to}`],
  [
    'an uplink with another MTU',
    `ip link set eth0 mtu 1400; ip -n host2 link set eth0 mtu 1400; ${up}`,
    `myspace ${to}`,
  ],
  ['several uplinks', `${secondUplink}natspace up -q myspace`, 'myspace --to 192.168.7.15'],
  [
    "Docker's chains and policy",
    `iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER; ${up} --fix-firewall`,
    `myspace ${to}`,
  ],
  [
    'FORWARD drops, and the fix is granted',
    `iptables -P FORWARD DROP; ${up} --fix-firewall`,
    `myspace ${to}`,
  ],
  [
    'rules of a VPN for others',
    `${up}; ip rule add from 10.9.0.0/16 lookup 77 priority 100; ip rule add fwmark 0x10 lookup 77 priority 101; ip route add blackhole default table 77`,
    `myspace ${to}`,
  ],
  ['a loose reverse path filter', `${up}; sysctl -qw net.ipv4.conf.all.rp_filter=2`, `myspace ${to}`],
  [
    'a strict reverse path filter, and one way',
    `${up}; sysctl -qw net.ipv4.conf.all.rp_filter=1`,
    `myspace ${to}`,
  ],
  ['rules of iptables-legacy that accept', `iptables-legacy -A FORWARD -j ACCEPT; ${up}`, `myspace ${to}`],
  [
    'a firewall for the host alone',
    `iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT; ${up}`,
    `myspace ${to}`,
  ],
  [
    'another tool publishes another port',
    `iptables -t nat -A PREROUTING -p tcp --dport 7777 -j DNAT --to 192.168.1.15:77; ${up}`,
    `myspace ${to}`,
  ],
  [
    'a namespace on a bridge, as container engines make them',
    `${bridged}
ip netns add box
ip link add vbox type veth peer name eth0 netns box
ip link set vbox master br0
ip link set vbox up
ip -n box address add 172.20.0.2/16 dev eth0
ip -n box link set eth0 up
ip -n box link set lo up
ip -n box route add default via 172.20.0.1`,
    `box ${to}`,
  ],
]

for (const [name, script, call] of setups)
  test(`nothing is found: ${name}`, () => {
    const { status, stdout, stderr } = onNewHost(`
      child=
      ${byHand}
      ${script}
      status=0
      natspace doctor --json ${call} >/run/found || status=$?
      cat /run/found
      [ -z "$child" ] || kill $child
      exit $status`)
    const { data, findings } = JSON.parse(stdout) as {
      data: { unchecked: string[]; probe: { outcome: string } }
      findings: { code: string; severity: string; title: string }[]
    }
    expect({ findings: findings.filter(({ severity }) => severity !== 'notice'), stderr }).toEqual({
      findings: [],
      stderr: '',
    })
    if (call.includes('--to')) expect(data.probe.outcome).toMatch(/answered|refused/)
    expect(status).toBe(0)
  })

/** What the article leaves out, and what each omission is called. */
const omissions = [
  [6, 'RT-NODEFAULT'],
  [7, 'SYS-FWD0'],
  [8, 'NAT-NONE'],
  [9, 'FW-DROP'],
] as const

for (const [step, code] of omissions)
  test(`step ${step} left out by hand is ${code}; the fix that is printed heals, and its undo takes it back`, () => {
    const { status, stdout, stderr } = onNewHost(`
      ${byHand}
      by_hand ${step}
      reaches() { ip netns exec myspace ping -q -c 1 -W 1 192.168.1.15 >/dev/null 2>&1; }
      ! reaches
      state() { iptables-save 2>/dev/null | grep '^-A'; ip -4 route; ip -n myspace -4 route; sysctl net.ipv4.ip_forward; }
      examine() { natspace doctor --json myspace --to 192.168.1.15 || test $? = 3; }
      part() { ${process.execPath} -p 'JSON.parse(require("fs").readFileSync("/run/found")).findings[0].fix.'$1'.join(String.fromCharCode(10))'; }
      examine >/run/found
      cat /run/found
      part commands >/run/fix
      part undo >/run/undo
      state >/run/before
      sh -e /run/fix >/dev/null
      reaches
      examine
      sh -e /run/undo >/dev/null
      state >/run/after
      ! reaches
      diff /run/before /run/after >&2`)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const found = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).findings as { code: string; severity: string }[])
    const causes = found.map(list =>
      list.filter(({ severity }) => severity !== 'notice').map(item => item.code),
    )
    expect(causes).toEqual([[code], []])
  })

test('a look sends few packets, changes nothing, and leaves nothing', () => {
  const { status, stdout, stderr } = onNewHost(`
    ${up}
    ip netns exec myspace ping -q -c 1 192.168.1.15 >/dev/null
    snapshot >/run/before
    packets() { ip -s -j link show veth1 | tr ',' '\\n' | sed -n 's/.*"packets"://p' | head -n 1; }
    first=$(packets)
    natspace doctor -q myspace ${to} >/dev/null
    echo $(($(packets) - first))
    snapshot >/run/after
    diff /run/before /run/after`)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(Number(stdout)).toBeLessThan(24)
})

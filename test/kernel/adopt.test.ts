import { describe, expect } from 'bun:test'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** Namespaces that were connected by hand, and what natspace adopt makes of them. */
const test = requireTool('ip', 'nft', 'iptables', 'iptables-save', 'sysctl', 'ping', 'nc')

/** An address that a link gives itself would appear at some moment of its own. */
const calm = `
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
`

/** Steps 1 to 7 of the article, with names and addresses of one's own choice. */
const cable = (
  host = 'veth1',
  inner = 'veth2',
  gateway = '192.168.45.2',
  address = '192.168.45.3',
  length = 24,
) => `
ip netns add myspace
[ "$(sysctl -n net.ipv6.conf.default.disable_ipv6)" = 0 ] ||
  ip netns exec myspace sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add ${host} type veth peer name ${inner}
ip link set ${inner} netns myspace
ip address add ${gateway}/${length} dev ${host}; ip link set ${host} up
ip -n myspace address add ${address}/${length} dev ${inner}; ip -n myspace link set ${inner} up
ip -n myspace route add default via ${gateway}
sysctl -q -w net.ipv4.ip_forward=1
`

/** Steps 8 and 9, and the published port. */
const article = `${cable()}
iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE
iptables -P FORWARD DROP
iptables -t filter -A FORWARD -i eth0 -o veth1 -j ACCEPT
iptables -t filter -A FORWARD -o eth0 -i veth1 -j ACCEPT
iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80
`

const traffic = `
traffic() {
  ip netns exec myspace ping -c1 -W2 192.168.1.15 | grep -o '1 received'
  ip netns exec myspace timeout 5 nc -ln 80 >/run/out & listener=$!
  for attempt in $(seq 100); do ip netns exec myspace ss -Hlnt | grep -q ':80 ' && break; sleep 0.05; done
  echo published | ip netns exec host2 nc -N -w2 192.168.1.32 8080
  wait $listener; cat /run/out
}
rules() { iptables-save | sed '/^#/d; s/\\[.*\\]//'; }
`

/** Keys of the spec that say what is by hand so in every case. */
const always = { ipv6: 'off', host: 'all', metadata: true }
const usual = {
  address: '192.168.45.3',
  gateway: '192.168.45.2/24',
  hostInterface: 'veth1',
  interface: 'veth2',
  ...always,
}

/** The one space of a spec file, as YAML that holds one key a line. */
const specOf = (yaml: string): Record<string, unknown> => {
  const entries = yaml
    .split('\n')
    .filter(line => line.startsWith('    '))
    .map(line => {
      const [, key = '', value = ''] = /^ {4}(\w+): (.*)$/.exec(line) ?? []
      return [key, /^["[\d]|^(true|false)$/.test(value) && !/^\d+\./.test(value) ? JSON.parse(value) : value]
    })
  return Object.fromEntries(entries)
}

type Answer = {
  data: {
    adopted: boolean
    file: string
    superfluous: { remove: string; restore: string }[]
    removed: string[]
    operations: { commands: string[] }[]
  }
  findings: { code: string; severity: string }[]
}

/** What natspace adopt says of a namespace, and its exit status. */
const adopt = (script: string): Answer & { status: number } => {
  const output = expectOnNewHost(`${script}
    natspace adopt myspace --json || echo "status $?"`)
  const lines = output.trim().split('\n')
  const answer = JSON.parse(lines.find(line => line.startsWith('{')) ?? '') as Answer
  return { ...answer, status: Number(/^status (\d+)$/.exec(lines.at(-1) ?? '')?.[1] ?? 0) }
}

const codesOf = ({ findings }: Answer) =>
  findings.filter(({ severity }) => severity !== 'notice').map(({ code }) => code)

describe("the article's nine commands", () => {
  test('are read as the spec that natspace up would be given', () => {
    const answer = adopt(article)
    expect(specOf(answer.data.file)).toEqual({
      ...usual,
      uplink: 'eth0',
      publish: ['8080:80'],
      fixFirewall: true,
    })
    expect(answer.status).toBe(0)
    expect(answer.data.adopted).toBe(false)
    expect(answer.data.superfluous.map(({ remove }) => remove)).toEqual([
      'iptables -t nat -D POSTROUTING -o eth0 -s 192.168.45.0/24 -j MASQUERADE',
      'iptables -t nat -D PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80',
      'iptables -t filter -D FORWARD -i eth0 -o veth1 -j ACCEPT',
      'iptables -t filter -D FORWARD -i veth1 -o eth0 -j ACCEPT',
    ])
    // The cable is not made anew: its mark comes last of all.
    const commands = answer.data.operations.flatMap(operation => operation.commands)
    expect(commands.filter(command => /link (add|delete)/.test(command))).toEqual([])
    expect(commands.slice(-2)).toEqual([
      'ip link set dev veth1 alias natspace:myspace',
      'ip -n myspace link set dev veth2 alias natspace:myspace',
    ])
  })

  test('change nothing until --yes, and then go on as they did', () => {
    const output = expectOnNewHost(`${calm}${article}${traffic}
      snapshot >/run/before
      natspace adopt myspace >/dev/null; natspace adopt myspace --dry-run --replace >/dev/null
      snapshot >/run/after; diff /run/before /run/after && echo UNCHANGED
      rules >/run/rules-before
      traffic
      natspace adopt myspace --yes -q
      traffic
      natspace status myspace --json | grep -o '"healthy":true'
      natspace up myspace $article --ipv6 off --host all --metadata --fix-firewall --json | grep -o '"changes":[0-9]*'
      rules >/run/rules-after; diff /run/rules-before /run/rules-after && echo RULES-STAY
      natspace down -q myspace
      ip netns list | grep -o myspace; ip link show veth1 2>&1 | grep -o 'does not exist'
      rules >/run/rules-after; diff /run/rules-before /run/rules-after && echo RULES-STAY
      nft list tables | grep -c natspace || true; ls /run/natspace 2>&1 | grep -o 'No such'`)
    expect(output.trim().split('\n')).toEqual([
      'UNCHANGED',
      '1 received',
      'published',
      '1 received',
      'published',
      '"healthy":true',
      '"changes":0',
      'RULES-STAY',
      'myspace',
      'does not exist',
      'RULES-STAY',
      '0',
      'No such',
    ])
  })

  test('are replaced without breaking a connection, and the way back is told', () => {
    const output = expectOnNewHost(`${calm}${article}${traffic}
      rules >/run/rules-before
      mkfifo /run/in; sleep 30 >/run/in & keeper=$!
      ip netns exec host2 timeout 20 nc -ln 7000 >/run/heard & server=$!
      for attempt in $(seq 100); do ip netns exec host2 ss -Hlnt | grep -q ':7000 ' && break; sleep 0.05; done
      ip netns exec myspace timeout 20 nc 192.168.1.15 7000 </run/in & client=$!
      heard() { for attempt in $(seq 100); do grep -q $1 /run/heard && echo $1 && return; sleep 0.05; done; echo "not $1"; }
      echo before >/run/in; heard before
      natspace adopt myspace --yes --replace >/run/adopted 2>/run/notes
      echo after >/run/in; heard after
      iptables -S | grep -c -- '-A FORWARD' ; iptables -t nat -S | grep -c -- '-A ' || true
      natspace status myspace --json | grep -o '"healthy":true'
      traffic
      kill $keeper $client $server 2>/dev/null || true
      natspace down -q myspace
      iptables -S | grep -c -- '-A FORWARD' || true
      sed -n 's/^  \\(iptables -t .* -I .*\\)/\\1/p' /run/notes >/run/back; sh -e /run/back
      rules | sort >/run/rules-after; sort /run/rules-before | diff - /run/rules-after && echo BACK`)
    expect(output.trim().split('\n')).toEqual([
      'before',
      'after',
      // natspace's own, in their place: the policy is still to drop.
      '2',
      '0',
      '"healthy":true',
      '1 received',
      'published',
      '0',
      'BACK',
    ])
  })

  test('leave everything as it was when something fails', () => {
    const output = expectOnNewHost(`${calm}${article}
      snapshot >/run/before
      mkdir -m 700 /run/natspace; mkdir /run/natspace/host.json
      natspace adopt myspace --yes >/dev/null 2>&1 || echo failed
      rmdir /run/natspace/host.json; rm -rf /run/natspace
      snapshot >/run/after; diff /run/before /run/after && echo EQUAL`)
    expect(output.trim().split('\n')).toEqual(['failed', 'EQUAL'])
  })
})

describe('other ways to write it down', () => {
  const variants: [string, string, Record<string, unknown>, string[]?][] = [
    [
      'nft, with a source of its own, a set and a map of ports',
      `${cable('out0', 'in0', '10.5.0.1', '10.5.0.2', 30)}
      nft -f - <<'END'
table ip mine {
  map ports {
    type inet_proto . inet_service : ipv4_addr . inet_service
    elements = { udp . 5353 : 10.5.0.2 . 53, tcp . 81 : 10.5.0.9 . 80 }
  }
  chain pre {
    type nat hook prerouting priority dstnat;
    iif "eth0" tcp dport { 80, 443 } dnat to 10.5.0.2
    dnat ip to meta l4proto . th dport map @ports
  }
  chain post {
    type nat hook postrouting priority srcnat;
    ip saddr 10.5.0.0/30 oif "eth0" snat to 192.168.1.32
  }
  chain passing {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "out0" accept
    ct status dnat accept
  }
}
END`,
      {
        ...always,
        address: '10.5.0.2',
        gateway: '10.5.0.1/30',
        hostInterface: 'out0',
        interface: 'in0',
        uplink: 'eth0',
        source: ['192.168.1.32'],
        publish: ['80', '443', '5353:53/udp'],
        fixFirewall: true,
      },
    ],
    [
      'masquerade by any link, local destinations, several ports and a chain of its own',
      `${cable()}
      iptables -t nat -A POSTROUTING -s 192.168.45.3 ! -o veth1 -j MASQUERADE
      iptables -t nat -N MINE; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j MINE
      iptables -t nat -A MINE -p udp -m multiport --dports 53,5353 -j DNAT --to-destination 192.168.45.3
      iptables -t nat -A MINE -p tcp --dport 9000:9010 -j DNAT --to-destination 192.168.45.3
      iptables -t nat -A MINE -p tcp --dport 7000 -j DNAT --to-destination 192.168.45.3:6000
      iptables -t nat -A MINE -p tcp --dport 7001 -j DNAT --to-destination 192.168.45.3:6001`,
      { ...usual, publish: ['7000-7001:6000-6001', '9000-9010', '53/udp', '5353/udp'] },
    ],
    [
      'ports of one address, of the loopback, and MTUs',
      `${cable()}
      ip link set veth1 mtu 1400; ip -n myspace link set veth2 mtu 1400
      ip address add 192.168.1.33/24 dev eth0
      iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
      iptables -t nat -A PREROUTING -d 192.168.1.33 -p tcp --dport 80 -j DNAT --to-destination 192.168.45.3:8080
      iptables -t nat -A OUTPUT -d 127.0.0.1 -p udp --dport 5353 -j DNAT --to-destination 192.168.45.3:53`,
      {
        ...usual,
        uplink: 'eth0',
        publish: ['192.168.1.33:80:8080', '127.0.0.1:5353:53/udp'],
        mtu: 1400,
      },
    ],
    [
      'what a spec cannot say is left to its rules',
      `${cable()}
      iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE
      iptables -t nat -A PREROUTING -p tcp --dport 8080:8090 -j DNAT --to-destination 192.168.45.3:80
      iptables -t nat -A PREROUTING -p tcp --dport 22 -s 10.0.0.0/8 -j DNAT --to-destination 192.168.45.3:22
      iptables -t nat -A PREROUTING -p tcp --dport 443 -m statistic --mode random --probability 0.5 -j DNAT --to-destination 192.168.45.3`,
      { ...usual, uplink: 'eth0' },
      ['ADOPT_PORT'],
    ],
  ]
  for (const [title, script, expected, codes = []] of variants)
    test(title, () => {
      const answer = adopt(script)
      expect(specOf(answer.data.file)).toEqual(expected)
      expect(codesOf(answer)).toEqual(codes)
      expect(answer.status).toBe(codes.length === 0 ? 0 : 3)
    })

  test('rules that serve others too are not among those to be removed', () => {
    const { data } = adopt(`${cable()}
      iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
      iptables -P FORWARD DROP
      iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
      iptables -A FORWARD -i veth1 -j ACCEPT -m comment --comment "out of myspace"
      iptables -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT`)
    expect(data.superfluous.map(({ remove }) => remove)).toEqual([
      "iptables -t filter -D FORWARD -i veth1 -m comment --comment 'out of myspace' -j ACCEPT",
    ])
  })
})

describe('what is not adopted', () => {
  const cases: [string, string, string][] = [
    ['a namespace that is not there', '', 'NO_NAMESPACE'],
    ['one without a default route', 'ip netns add myspace', 'NOT_CONNECTED'],
    ['one whose packets nobody translates', cable(), 'NOT_CONNECTED'],
    [
      'one behind a bridge',
      `${cable()} ip link add br0 type bridge; ip link set br0 up; ip link set veth1 master br0`,
      'NOT_CONNECTED',
    ],
    ['one whose gateway is elsewhere', `${cable()} ip address flush dev veth1`, 'NOT_CONNECTED'],
    ['a space', 'natspace up -q myspace', 'ALREADY_MANAGED'],
    [
      'one with a second address',
      `${article} ip -n myspace address add 192.168.45.4/24 dev veth2`,
      'ADOPT_ADDRESS',
    ],
    [
      'one with IPv6 of its own',
      `${article} ip address add fd00::1/64 dev veth1 nodad; ip -n myspace address add fd00::2/64 dev veth2 nodad
      for attempt in $(seq 100); do ip -6 address | grep -q tentative || break; sleep 0.1; done
      for attempt in $(seq 100); do ip -n myspace -6 address | grep -q tentative || break; sleep 0.1; done`,
      'ADOPT_IPV6',
    ],
  ]
  test('is said why, and nothing is changed', () => {
    for (const [title, script, code] of cases) {
      const { stdout, stderr } = onNewHost(`${code === 'ADOPT_IPV6' ? '' : calm}${script}
        ${traffic}
        # A link tells of its carrier at some moment of its own.
        seen() { ip -br link | awk '{ print $1, $3 }'; ip -o address | awk '{ print $2, $4 }'
          ip route | sed 's/ linkdown//'; ip -n myspace -o address 2>&1 | awk '{ print $2, $4 }'; nft list ruleset; rules
          sysctl -a -r '^net.ipv[46].conf' 2>/dev/null; ls /run/natspace 2>&1 || true; }
        seen >/run/before; status=0; natspace adopt myspace --yes || status=$?
        seen >/run/after; diff /run/before /run/after >/run/diff && echo EQUAL $status; cat /run/diff`)
      const codes = [...stderr.matchAll(/code:\S* ([A-Z0-9_]+)/g)].map(match => match[1])
      expect({
        title,
        found: codes.includes(code),
        stdout: stdout.match(/EQUAL [13]/)?.[0].slice(0, 5),
      }).toEqual({
        title,
        found: true,
        stdout: 'EQUAL',
      })
    }
  })
})

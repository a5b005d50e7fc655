import { describe, expect } from 'bun:test'
import { expectOnFirewallHost, onFirewallHost, requireFirewalls } from '../support/firewalls.ts'
import { requireTool } from '../support/tools.ts'

/** Real firewalls of others on one host with natspace: what they drop, the remedy, and that nothing of it stays. */
const test = requireFirewalls()
const testWithTools = requireTool('nft', 'iptables', 'iptables-legacy', 'nc', 'strace')

/**
 * `traffic` prints what gets through: a TCP connection from the space to host2 (echo requests are let through by ufw), and
 * one from host2 to the published port.
 */
const functions = `
carried() {
  listener=$1 client=$2 port=$3 address=$4 reached=$5
  ip netns exec $listener timeout 20 nc $7 -ln $port >/run/carried & server=$!
  for attempt in $(seq 500); do
    ip netns exec $listener ss -Hltn "sport = :$port" | grep -q . && break; sleep 0.02
  done
  echo word | ip netns exec $client nc -N -w2 $address $reached || kill $server
  wait $server || true
  grep -q word /run/carried && echo "$6" || echo "no $6"
}
traffic() {
  carried host2 myspace 7000 192.168.1.15 7000 outbound
  carried myspace host2 80 192.168.1.32 8080 inbound
}
uncounted() { sed 's/counter packets [0-9]* bytes [0-9]*//; s/\\[[0-9]*:[0-9]*\\]//'; }
fixed="$article --fix-firewall"
`

const script = (text: string): string => `${functions}\n${text}`

/** As the package iptables-persistent does it at a restart of the machine. */
const saveAndRestore = 'iptables-save >/run/firewalls/saved; iptables-restore </run/firewalls/saved'

type Firewall = {
  name: string
  /** Shell: makes it active, and makes it read its settings anew. */
  start: string
  reload: string
  /** What the warning must say. */
  says: RegExp
  /** What gets through without the remedy. */
  without: string
  /** What the plan runs, or adds. */
  remedy: RegExp[]
  /** Whether the remedy is still there after the firewall was reloaded. */
  survivesReload: boolean
}

const firewalls: Firewall[] = [
  {
    name: 'ufw',
    start: 'ufw_start',
    reload: 'ufw_reload',
    says: /chain ip filter FORWARD \(ufw\) drops it by policy/,
    without: 'no outbound\nno inbound\n',
    remedy: [
      /^ufw route allow in on veth1 out on eth0 comment natspace:myspace$/m,
      /^ufw route allow in on eth0 out on veth1 comment natspace:myspace$/m,
    ],
    survivesReload: true,
  },
  {
    name: 'firewalld',
    start: 'firewalld_start',
    reload: 'firewalld_reload',
    says: /chain inet firewalld filter_FORWARD \(firewalld\) drops it by the rule: reject with icmpx admin-prohibited$/m,
    // firewalld lets pass what is led to a published port by others.
    without: 'no outbound\ninbound\n',
    remedy: [/^firewall-cmd --zone=trusted --add-interface=veth1$/m],
    survivesReload: false,
  },
  {
    name: 'Docker',
    start: 'docker_start',
    reload: 'docker_reload',
    says: /chain ip filter FORWARD \(Docker\) drops it by policy/,
    without: 'no outbound\nno inbound\n',
    remedy: [
      /^nft 'insert rule ip filter DOCKER-USER handle \d+ iifname "?veth1"? oifname "?eth0"? /m,
      /^nft 'insert rule ip filter DOCKER-USER handle \d+ iifname "?eth0"? oifname "?veth1"? /m,
    ],
    survivesReload: true,
  },
  {
    name: 'iptables-legacy',
    start: 'legacy_start',
    reload: 'legacy_reload',
    says: /chain FORWARD of iptables-legacy \(iptables-legacy\) drops it by policy/,
    without: 'no outbound\nno inbound\n',
    remedy: [
      /^iptables-legacy -w 5 -A FORWARD -i veth1 -o eth0 -m comment --comment natspace:myspace -j ACCEPT$/m,
      /^iptables-legacy -w 5 -A FORWARD -i eth0 -o veth1 -m comment --comment natspace:myspace -j ACCEPT$/m,
    ],
    survivesReload: true,
  },
  {
    name: 'a REJECT at the end of FORWARD',
    start: `iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      iptables -A FORWARD -j REJECT --reject-with icmp-host-prohibited
      ${saveAndRestore}`,
    reload: saveAndRestore,
    says: /chain ip filter FORWARD \(iptables\) drops it by the rule: REJECT$/m,
    without: 'no outbound\nno inbound\n',
    remedy: [/^nft 'insert rule ip filter FORWARD handle \d+ iifname "?veth1"? /m],
    survivesReload: true,
  },
  {
    name: 'a chain of nftables that drops by policy',
    start: `nft add table inet admin
      nft 'add chain inet admin pass { type filter hook forward priority 10; policy drop; }'
      nft add rule inet admin pass ct state established,related accept`,
    reload: 'true',
    says: /chain inet admin pass \(nftables\) drops it by policy/,
    without: 'no outbound\nno inbound\n',
    remedy: [/^nft 'add rule inet admin pass iifname "?veth1"? oifname "?eth0"? /m],
    survivesReload: true,
  },
]

describe.each(firewalls)('$name', firewall => {
  const { start, reload, says, without, remedy, survivesReload } = firewall

  test('without the remedy up names who drops, and it is so', () => {
    const { status, stdout, stderr } = onFirewallHost(
      script(`
        ${start}
        theirs >/run/before
        natspace up -q myspace $article
        traffic
        natspace down -q myspace
        theirs >/run/after
        diff /run/before /run/after && echo EQUAL`),
    )
    expect(stderr).toMatch(says)
    expect(stderr).toContain('code: FORWARD_DROP')
    expect(stderr).toContain('natspace up myspace --fix-firewall with the same options')
    expect(stdout).toBe(`${without}EQUAL\n`)
    expect(status).toBe(0)
  })

  test('with it traffic flows, it is there once, and nothing of it stays', () => {
    const output = expectOnFirewallHost(
      script(`
        ${start}
        theirs >/run/before
        natspace plan myspace $fixed --as shell
        echo ---
        natspace up -q myspace $fixed 2>&1
        traffic
        theirs >/run/during
        natspace up -q myspace $fixed 2>&1
        theirs >/run/again
        cmp /run/during /run/again && echo ONCE
        natspace status myspace >/run/status || { cat /run/status; exit 1; }
        ${reload}
        natspace status myspace >/run/status && echo KEPT || grep -q 'accepts what myspace sends' /run/status
        natspace up -q myspace $fixed 2>&1
        traffic
        natspace down -q myspace
        ${reload}
        theirs >/run/after
        diff /run/before /run/after && echo EQUAL`),
    )
    const [plan, done] = output.split('---\n')
    for (const pattern of remedy) expect(plan).toMatch(pattern)
    const kept = survivesReload ? 'KEPT\n' : ''
    expect(done).toBe(`outbound\ninbound\nONCE\n${kept}outbound\ninbound\nEQUAL\n`)
  })
})

describe('what is done by a front end', () => {
  test('is taken back with the rest when a later step fails', () => {
    const { status, stdout, stderr } = onFirewallHost(
      script(`
        ufw_start
        # The second of the two rules is refused.
        cat >/run/firewalls/ufw <<'END'
#!/bin/sh
case "$*" in *'in on eth0'*) echo 'ERROR: no room' >&2; exit 1;; esac
exec /run/firewalls/real/ufw "$@"
END
        chmod 755 /run/firewalls/ufw
        mkdir /run/firewalls/real
        cp /usr/sbin/ufw /run/firewalls/real/
        theirs >/run/before; snapshot | uncounted >/run/all-before
        mount --bind /run/firewalls/ufw /usr/sbin/ufw
        natspace up -q myspace $fixed || echo "status $?"
        umount /usr/sbin/ufw
        theirs >/run/after; snapshot | uncounted >/run/all-after
        diff /run/before /run/after && diff /run/all-before /run/all-after && echo EQUAL`),
    )
    expect(stdout).toBe('status 1\nEQUAL\n')
    expect(stderr).toContain('cannot change the firewall by ufw')
    expect(stderr).toContain('ERROR: no room')
    expect(status).toBe(0)
  })

  const parts = {
    ufw: 'ufw route delete allow in on veth1 out on eth0 >/dev/null',
    firewalld: 'firewall-cmd --zone=trusted --remove-interface=veth1 >/dev/null',
    legacy: 'iptables-legacy -D FORWARD -i veth1 -o eth0 -m comment --comment natspace:myspace -j ACCEPT',
  }
  for (const [name, part] of Object.entries(parts))
    test(`${name}: is taken back also when only a part of it is left`, () => {
      const output = expectOnFirewallHost(
        script(`
          ${name}_start
          theirs >/run/before
          natspace up -q myspace $fixed 2>&1
          ${part}
          natspace down -q myspace
          ${name}_reload
          theirs >/run/after
          diff /run/before /run/after && echo EQUAL`),
      )
      expect(output).toBe('EQUAL\n')
    })

  const shown = {
    ufw: [
      'ufw show added | grep natspace || true',
      "ufw route allow in on outer out on eth0 comment 'natspace:myspace'\n",
    ],
    firewalld: ['firewall-cmd --zone=trusted --list-interfaces', 'outer\n'],
    legacy: [
      'iptables-legacy -S FORWARD | grep natspace || true',
      '-A FORWARD -i outer -o eth0 -m comment --comment "natspace:myspace" -j ACCEPT\n-A FORWARD -i eth0 -o outer -m comment --comment "natspace:myspace" -j ACCEPT\n',
    ],
  } as const
  for (const [name, [show, other]] of Object.entries(shown))
    test(`${name}: goes with a spec that has another cable, or asks for it no more`, () => {
      const output = expectOnFirewallHost(
        script(`
          ${name}_start
          theirs >/run/before
          natspace up -q myspace $fixed 2>&1
          natspace up -q myspace --uplink eth0 --host-interface outer --fix-firewall
          ${show}
          natspace up -q myspace --uplink eth0 --host-interface outer 2>/dev/null
          echo "now:"
          ${show}
          natspace down -q myspace
          ${name}_reload
          theirs >/run/after
          diff /run/before /run/after && echo EQUAL`),
      )
      expect(output.replace(/\n+/g, '\n')).toBe(`${other}now:\nEQUAL\n`)
    })
})

describe('two of them on one host', () => {
  const both = [
    ['ufw and then Docker', 'ufw_start; docker_start', 'ufw_reload'],
    ['Docker and then ufw', 'docker_start; ufw_start', 'ufw_reload'],
    [
      'Docker and then firewalld',
      'docker_start; firewalld_start; docker_reload',
      'firewalld_reload; docker_reload',
    ],
  ] as const
  for (const [name, start, reload] of both)
    test(name, () => {
      const output = expectOnFirewallHost(
        script(`
          ${start}
          theirs >/run/before
          natspace up -q myspace $fixed
          traffic
          natspace down -q myspace
          ${reload}
          theirs >/run/after
          diff /run/before /run/after && echo EQUAL`),
      )
      expect(output).toBe('outbound\ninbound\nEQUAL\n')
    })

  test('what ufw was told to drop is not opened, and up says so', () => {
    const { stdout, stderr } = onFirewallHost(
      script(`
        ufw_start
        ufw route deny in on veth1 >/dev/null
        natspace up -q myspace $fixed
        ufw show added | grep -c natspace
        traffic
        natspace down -q myspace
        ufw show added | grep -c natspace || true`),
    )
    expect(stderr).toContain('ufw was told to, and rules that are added later come behind that one')
    expect(stdout).toBe('1\nno outbound\ninbound\n0\n')
  })
})

describe('IPv6', () => {
  const addresses = `
    ip address add 2001:db8:1::32/64 dev eth0 nodad
    ip -n host2 address add 2001:db8:1::15/64 dev eth0 nodad
    ip route add default via 2001:db8:1::1
    carried6() { carried host2 myspace 7000 2001:db8:1::15 7000 outbound6 -6; carried myspace host2 80 2001:db8:1::32 8080 inbound6 -6; }`

  const cases = [
    ['ip6tables', 'ip6tables -P FORWARD DROP', 'chain ip6 filter FORWARD (iptables) drops it by policy'],
    [
      'ip6tables-legacy',
      'ip6tables-legacy -P FORWARD DROP',
      'chain FORWARD of ip6tables-legacy (ip6tables-legacy) drops it by policy',
    ],
    ['ufw', 'ufw_start', 'chain ip6 filter FORWARD (ufw) drops it by policy'],
    ['firewalld', 'firewalld_start', 'chain inet firewalld filter_FORWARD (firewalld) drops it by the rule'],
  ] as const
  for (const [name, start, says] of cases)
    test(name, () => {
      const { stdout, stderr, status } = onFirewallHost(
        script(`
          ${addresses}
          ${start}
          theirs >/run/before
          natspace up -q myspace $article --ipv6 on
          natspace up -q myspace $fixed --ipv6 on
          carried6
          natspace down -q myspace
          [ -z "$firewalld_process" ] || firewalld_reload
          theirs >/run/after
          diff /run/before /run/after && echo EQUAL`),
      )
      expect(stderr).toContain(says)
      expect(stdout).toBe('outbound6\ninbound6\nEQUAL\n')
      expect(status).toBe(0)
    })
})

describe('on a host without another firewall', () => {
  testWithTools('up runs no program, and loads no table of iptables-legacy', () => {
    const output = expectOnFirewallHost(
      script(`
        strace -f -e trace=execve,execveat -o /run/trace $executable up -q myspace $fixed
        grep -c exec /run/trace
        cat /proc/net/ip_tables_names
        natspace status myspace >/dev/null
        natspace down -q myspace
        cat /proc/net/ip_tables_names`),
    )
    expect(output).toBe('1\n')
  })
})

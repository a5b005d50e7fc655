import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** The scripts of `natspace plan`, run by sh: they must give what `up` gives. */
const test = requireTool('ip', 'tc', 'nft', 'iptables', 'iptables-save', 'sysctl', 'ping', 'nc', 'conntrack')

/** All that is seen of the network, inside and outside; `ruleset` too where the script makes the same one. */
const shown = (ruleset: boolean): string => `
  # An address that eth0 gives itself would appear at some moment of its own.
  sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1
  numberless() { sed 's/"\\(if\\|link_\\)\\(index\\|netnsid\\)":[0-9]*,//g'; }
  shown() {
    snapshot | numberless | grep -v '^$\\|^total\\|^[-ld][-rwx]\\{9\\}\\|/run/natspace' ${ruleset ? '' : "| grep -v nftables | sed '/^table /,/^}/d; /^[*:-]/d; /^COMMIT/d'"}
    for name in $spaces; do
      { ip -n $name -d -j link; ip -n $name -j address; } | numberless
      ip -n $name route show table all; ip -n $name -6 route show table all
      tc -n $name qdisc show; tc qdisc show dev $(ip -o link | grep -o "veth-$name\\|veth1" | head -1)
      ip netns exec $name sysctl -a -r '^net\\.ipv[46]\\.conf' 2>/dev/null
    done
  }`

const file = `{"spaces":{
  "myspace":{"gateway":"192.168.45.2/24","address":"192.168.45.3","hostInterface":"veth1","interface":"veth2","uplink":"eth0","publish":["8080:80"]},
  "web":{"mtu":1400,"ipv6":"on","publish":["127.0.0.1:5353:53/udp","9000-9010","7000-7002:6000-6002"],
    "rate":{"up":"10mbit","down":"20mbit"},"host":"none","connect":["myspace"],
    "egress":{"allow":["10.0.0.0/8","any:53/udp","[2001:db8::/32]:443"]}}}}`

describe('the scripts of a plan', () => {
  for (const form of ['shell', 'nft'] as const)
    test(`${form}: give the links, addresses, routes, sysctls and rules that up gives`, () => {
      const output = expectOnNewHost(`
        spaces='myspace web'
        ${shown(true)}
        echo '${file}' >/run/spaces.json
        natspace plan -f /run/spaces.json --as ${form} >/run/plan.sh
        natspace up -q -f /run/spaces.json; shown >/run/by-up; natspace down -q --all
        sh /run/plan.sh; shown >/run/by-script
        diff /run/by-up /run/by-script | cut -c 1-2000 >&2; cmp -s /run/by-up /run/by-script
        test $(wc -l </run/by-up) -gt 100 && echo compared`)
      expect(output).toBe('compared\n')
    })

  test('iptables: gives the same but the rules, which do the same', () => {
    const output = expectOnNewHost(`
      spaces=myspace
      ${shown(false)}
      natspace plan myspace $article --as iptables >/run/plan.sh
      natspace up -q myspace $article; shown >/run/by-up; natspace down -q --all
      sh /run/plan.sh; shown >/run/by-script
      diff /run/by-up /run/by-script | cut -c 1-2000 >&2; cmp -s /run/by-up /run/by-script
      grep -c nft /run/plan.sh || true
      iptables -P FORWARD DROP
      ip netns exec myspace ping -c1 -W2 192.168.1.15 | grep -o '1 received'
      ip netns exec myspace timeout 5 nc -lvn 80 >/run/out 2>/run/inner & sleep 0.2
      echo published | ip netns exec host2 nc -N -w2 192.168.1.32 8080
      wait $!; cat /run/out; grep -o 'received on 192.168.1.15' /run/inner
      ip netns exec myspace timeout 5 nc -lvn 80 >/run/out & sleep 0.2
      echo by-loopback | nc -N -w2 127.0.0.1 8080
      wait $!; cat /run/out
      ip -n host2 route add 192.168.45.0/24 via 192.168.1.32
      ip netns exec myspace timeout 3 nc -ln 80 >/run/out & sleep 0.2
      echo intruder | ip netns exec host2 nc -N -w1 192.168.45.3 80 || echo refused
      test ! -s /run/out && echo guarded`)
    expect(output.split('\n')).toEqual([
      '0',
      '1 received',
      'published',
      'received on 192.168.1.15',
      'by-loopback',
      'refused',
      'guarded',
      '',
    ])
  })

  test('iptables: --down takes every rule away again', () => {
    const output = expectOnNewHost(`
      iptables-save | sed '/^#/d; s/\\[.*\\]//' >/run/before
      natspace plan myspace $article -p 9000-9002:6000-6002 --as iptables >/run/add.sh
      natspace up -q myspace $article -p 9000-9002:6000-6002
      natspace plan --down myspace --as iptables >/run/remove.sh
      natspace down -q myspace
      sh /run/add.sh; iptables-save | grep -c NATSPACE; sh /run/remove.sh
      iptables-save | sed '/^#/d; s/\\[.*\\]//' >/run/after
      grep -vxFf /run/before /run/after | grep -v '^\\*\\|^:\\|^COMMIT' || echo nothing left
      ip netns list | grep -c myspace || true`)
    expect(output.split('\n').slice(1)).toEqual(['nothing left', '0', ''])
    expect(Number(output.split('\n')[0])).toBeGreaterThan(2)
  })

  test('a plan changes nothing', () => {
    const output = expectOnNewHost(`
      snapshot >/run/before
      for form in text shell nft iptables json; do natspace plan myspace $article --as $form >/dev/null; done
      natspace plan --down myspace >/dev/null
      snapshot >/run/after; cmp /run/before /run/after && echo same`)
    expect(output).toBe('same\n')
  })

  test('of what is up already is empty', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      natspace plan myspace $article
      natspace plan myspace $article --as shell | sh
      natspace plan myspace $article --json`)
    expect(output).toContain('natspace up myspace: nothing to do\n')
    expect(JSON.parse(output.slice(output.indexOf('{')))).toMatchObject({
      schemaVersion: 1,
      command: 'plan',
      data: {
        spaces: [{ name: 'myspace', address: '192.168.45.3/24', publish: ['8080:80'] }],
        operations: [],
      },
      findings: [],
    })
  })
})

/** `gc` through the compiled command, with iproute2, nft and iptables as second opinions. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl')
const legacy = requireTool('ip', 'nft', 'iptables-save', 'iptables-legacy')

describe('what is left over', () => {
  const cases: [string, string][] = [
    ['records that are lost', 'rm /run/natspace/spaces/*'],
    ['records and cables that are lost', 'rm /run/natspace/spaces/*; ip link del veth1; ip link del veth-b'],
    [
      'a record and a namespace that are lost',
      `rm /run/natspace/spaces/b.json; ip netns del b
      # The kernel ends it some time later.
      for i in $(seq 1000); do ip link show veth-b >/run/null 2>&1 || break; sleep 0.01; done`,
    ],
    ['a file that was not written to its end', 'echo { >/run/natspace/spaces/c.json.4194305.tmp'],
    [
      'elements that nobody has',
      'nft add element inet natspace outbound4 { 10.9.9.9 }; nft add element inet natspace spaces { "gone" }',
    ],
    [
      'a table of a trace that was killed',
      `nft 'add table inet natspace-trace-4194305-1 { comment "natspace: trace"; }'`,
    ],
    [
      'rules in a firewall of others',
      `nft insert rule inet theirs forward iifname gone accept comment '"natspace:gone"'`,
    ],
  ]
  for (const [title, harm] of cases)
    test(`is removed: ${title}`, () => {
      const output = expectOnNewHost(`
        nft add table inet theirs
        nft 'add chain inet theirs forward { type filter hook forward priority 0; policy drop; }'
        # Without the check of its IPv6 address, which ends some time later.
        sysctl -qw net.ipv4.conf.eth0.forwarding=1 net.ipv6.conf.eth0.disable_ipv6=1
        snapshot >/run/before
        natspace up -q myspace $article --fix-firewall
        natspace up -q b -p 90:80 --egress 10.0.0.0/8 --fix-firewall
        ${harm}
        snapshot >/run/harmed
        natspace gc --dry-run >/run/planned
        snapshot >/run/looked-at
        cmp /run/harmed /run/looked-at && echo SAME
        natspace gc >/run/done
        cmp -s /run/harmed /run/done && echo NOTHING
        natspace gc
        natspace ls --json >/run/list
        natspace down -q --all
        snapshot >/run/after
        diff /run/before /run/after && echo EQUAL
        echo; cat /run/planned; echo =====; cat /run/done; echo =====; cat /run/list`)
      const [first = '', done = '', list = ''] = output.split('=====\n')
      expect(first).toContain('SAME\nnothing is left over; nothing to do\nEQUAL\n')
      expect(done).toMatch(/^natspace gc: \d+ operation|^removed what a trace/m)
      const living = JSON.parse(list).data as { healthy: boolean }[]
      expect(living.every(({ healthy }) => healthy)).toBe(true)
    })

  legacy('is removed: rules that iptables-legacy has', () => {
    const output = expectOnNewHost(`
      iptables-legacy -P FORWARD DROP
      natspace up -q a --fix-firewall
      iptables-legacy -A FORWARD -i gone -m comment --comment natspace:gone -j ACCEPT
      iptables-legacy -S | grep -c natspace:gone
      natspace gc
      iptables-legacy -S | grep -c natspace:a
      iptables-legacy -S | grep -c natspace:gone || true
      natspace down -q a`)
    expect(output).toMatch(/^1\n.*iptables-legacy -w 5 -D FORWARD -i gone.*\n2\n0\n$/s)
  })
})

describe('what is not ours', () => {
  test('stays: namespaces, cables, tables and rules of others, and all of another state folder', () => {
    const output = expectOnNewHost(`
      sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
      ip netns add cni-1; ip link add veth-cni type veth peer name eth0 netns cni-1; ip link set veth-cni alias cni:1
      nft add table inet theirs
      NATSPACE_STATE=/run/other natspace up -q there -p 77:77
      natspace up -q cni-1 --interface inner
      snapshot >/run/before
      natspace gc; NATSPACE_STATE=/run/other natspace gc
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL
      rm /run/natspace/spaces/*
      natspace gc -q
      ip netns list | sort; ip -n cni-1 -br link | cut -d' ' -f1
      NATSPACE_STATE=/run/other natspace status there >/run/status && echo HEALTHY
      rm /run/other/spaces/*
      natspace gc
      ip link show veth-there >/run/status && echo THERE
      NATSPACE_STATE=/run/other natspace gc -q
      ip link show veth-there 2>&1 | grep -c 'not exist'`)
    expect(output).toMatch(
      /^nothing is left over; nothing to do\nnothing is left over; nothing to do\nEQUAL\ncni-1.*\nhost2.*\nthere.*\nlo\neth0@\w+\nHEALTHY\nnothing is left over; nothing to do\nTHERE\n1\n$/s,
    )
  })

  test('stays: a namespace that somebody made anew under the name of a space', () => {
    const output = expectOnNewHost(`
      natspace up -q a
      ip netns del a; ip netns add a; ip -n a link add keep type veth peer name kept
      natspace down -q a
      natspace gc -q
      ip -n a -br link | cut -d' ' -f1; test -e /run/natspace || echo CLEAN`)
    expect(output).toContain('keep@kept')
    expect(output).toContain('CLEAN')
  })
})

describe('the state folder', () => {
  const broken: [string, string, string][] = [
    ['no JSON', 'echo { >/run/natspace/spaces/a.json', 'it is not JSON'],
    ['a journal that is none', 'echo "[]" >/run/natspace/journal.json', 'schema version'],
    [
      'a journal without what it is for',
      `echo '{"schemaVersion":1,"bootId":"x","process":1}' >/run/natspace/journal.json`,
      'fields are missing',
    ],
    ['a later version', `echo '{"schemaVersion":2}' >/run/natspace/host.json`, 'schema version 2'],
    ['a link', 'ln -sf /etc/passwd /run/natspace/spaces/a.json', 'ELOOP'],
    ['a folder', 'rm /run/natspace/spaces/a.json; mkdir /run/natspace/spaces/a.json', 'EISDIR'],
    ['far too much', 'dd if=/dev/zero of=/run/natspace/journal.json bs=1M count=65 2>/run/null', 'EFBIG'],
    [
      'nothing that has an end',
      'rm /run/natspace/spaces/a.json; mkfifo /run/natspace/spaces/a.json',
      'it is not JSON',
    ],
  ]
  for (const [title, harm, why] of broken)
    test(`tells of ${title}, with what to do`, () => {
      const { status, stderr, stdout } = onNewHost(`
        natspace up -q a
        ${harm}
        set +e
        natspace gc; echo "status $?"
        natspace down a >/run/null; echo "status $?"`)
      expect(status).toBe(0)
      expect(stdout).toContain('status 1\nstatus 1\n')
      expect(stderr).toContain(why)
      expect(stderr).toMatch(/code: STATE_UNREADABLE/)
      expect(stderr).toMatch(/rm \/run\/natspace\//)
      expect(stderr).not.toContain('INTERNAL')
    })

  test('is the owner’s alone, as are its files', () => {
    const output = expectOnNewHost(`
      natspace up -q a
      stat -c '%a %F' /run/natspace /run/natspace/spaces /run/natspace/host.json /run/natspace/spaces/a.json
      chmod 777 /run/natspace
      natspace gc 2>&1 || echo "status $?"`)
    expect(output).toMatch(/^700 directory\n700 directory\n600 regular file\n600 regular file\n/)
    expect(output).toMatch(/STATE_UNSAFE.*status 1/s)
  })
})

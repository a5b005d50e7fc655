/** The command as a plugin of a container runtime: each request as one process, as runtimes do it. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl', 'nc', 'ping', 'diff', 'strace')

/** Commands for the scripts below. */
const helpers = `
# What is compared must not change by itself: the kernel looks for a while whether an address of IPv6 is a duplicate.
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
# network NAME MEMBERS: a configuration with more members of JSON.
network() { echo "{\\"cniVersion\\":\\"\${version-1.1.0}\\",\\"name\\":\\"$1\\",\\"type\\":\\"natspace\\"$2}"; }
pool=',"ipam":{"subnet":"10.88.0.0/24","routes":[{"dst":"0.0.0.0/0"}]}'
# cni COMMAND CONTAINER CONFIGURATION: one request; prints what the plugin prints, and its status where that is not 0.
cni() {
  echo "$3" | env CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=\${netns-/run/netns/$2} CNI_IFNAME=\${interface-eth0} \\
    CNI_PATH=/nowhere $executable || echo "status $?"
}
container() { ip netns add $1; ip -n $1 link set lo up; }
# pings NAMESPACE ADDRESS: whether an answer comes.
pings() { ip netns exec $1 ping -qc1 -W2 $2 >/run/ping && echo "$1 reaches $2" || echo "$1 does not reach $2"; }
`

const onHost = (script: string): string => expectOnNewHost(`${helpers}\n${script}`)
const lines = (output: string, pattern: RegExp): string[] =>
  output.split('\n').filter(line => pattern.test(line))
/** The JSON objects that a script printed, which begin and end at the left margin. */
const objects = (output: string): Record<string, unknown>[] =>
  [...output.matchAll(/^\{$[\s\S]*?^\}$/gm)].map(match => JSON.parse(match[0]))

describe('ADD and DEL', () => {
  test('make what the result says, and take it away again without a trace', () => {
    const output = onHost(`
      container c1; container c2
      snapshot >/run/before
      cni ADD c1 "$(network net "$pool")"
      cni ADD c2 "$(version=0.4.0 network net "$pool")"
      for name in c1 c2; do ip -n $name -br address show eth0; ip -n $name route; pings $name 192.168.1.15; done
      pings c1 10.88.0.1
      natspace ls
      name=$(natspace ls | grep -o 'cni-c1-[0-9a-z]*')
      natspace doctor -q $name --to 192.168.1.15 >/run/doctor && echo 'doctor content' || cat /run/doctor
      natspace exec $name -- ip -o -4 address show eth0 | grep -o '10[0-9./]*'
      natspace status -q >/run/status && echo healthy
      cni DEL c1 "$(network net "$pool")"
      pings c2 192.168.1.15; pings c2 10.88.0.1
      natspace status -q >/run/status && echo healthy
      cni DEL c2 "$(network net)"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const [first, second] = objects(output)
    expect(first).toMatchObject({
      cniVersion: '1.1.0',
      interfaces: [{ mtu: 1500 }, { name: 'eth0', sandbox: '/run/netns/c1', mtu: 1500 }],
      ips: [{ address: '10.88.0.2/24', gateway: '10.88.0.1', interface: 1 }],
      routes: [{ dst: '0.0.0.0/0', gw: '10.88.0.1' }],
    })
    expect(second).toMatchObject({ cniVersion: '0.4.0', ips: [{ version: '4', address: '10.88.0.3/24' }] })
    expect(output).toContain('doctor content')
    expect(
      lines(output, /^eth0|^default|^10\.|reach|^cni-|healthy|EQUAL/).map(line =>
        line
          .replace(/ +/g, ' ')
          .trim()
          .replace(/-[0-9a-z]{13} /, '-HASH '),
      ),
    ).toEqual([
      'eth0@if3 UP 10.88.0.2/24',
      'default via 10.88.0.1 dev eth0',
      '10.88.0.0/24 via 10.88.0.1 dev eth0 src 10.88.0.2',
      '10.88.0.1 dev eth0 scope link src 10.88.0.2',
      'c1 reaches 192.168.1.15',
      'eth0@if4 UP 10.88.0.3/24',
      'default via 10.88.0.1 dev eth0',
      '10.88.0.0/24 via 10.88.0.1 dev eth0 src 10.88.0.3',
      '10.88.0.1 dev eth0 scope link src 10.88.0.3',
      'c2 reaches 192.168.1.15',
      'c1 reaches 10.88.0.1',
      'cni-c1-HASH c1 10.88.0.2 eth0 - yes',
      'cni-c2-HASH c2 10.88.0.3 eth0 - yes',
      '10.88.0.2/24',
      'healthy',
      'c2 reaches 192.168.1.15',
      'c2 reaches 10.88.0.1',
      'healthy',
      'EQUAL',
    ])
  })

  test('without addresses in the configuration natspace chooses a network for each container', () => {
    const output = onHost(`
      container c1
      snapshot >/run/before
      cni ADD c1 "$(network net)"
      pings c1 192.168.1.15
      cni DEL c1 "$(network net)"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(objects(output)[0]).toMatchObject({ ips: [{ address: '10.200.0.2/30', gateway: '10.200.0.1' }] })
    expect(lines(output, /reach|EQUAL/)).toEqual(['c1 reaches 192.168.1.15', 'EQUAL'])
  })

  test('a mapped port is reached from the LAN, until DEL', () => {
    const output = onHost(`
      container c1
      ports=',"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}'
      cni ADD c1 "$(network net "$pool$ports")" >/run/result
      : >/run/got
      ip netns exec c1 timeout 5 nc -ln 80 >/run/got & server=$!
      for attempt in $(seq 500); do ip netns exec c1 ss -Hltn 'sport = :80' | grep -q . && break; sleep 0.01; done
      echo hello | ip netns exec host2 timeout 3 nc -N -w2 192.168.1.32 8080
      wait $server
      cat /run/got
      cni DEL c1 "$(network net "$pool")"
      echo hello | ip netns exec host2 timeout 3 nc -N -w1 192.168.1.32 8080 || echo closed`)
    expect(lines(output, /./)).toEqual(['hello', 'closed'])
  })

  test('ADD twice is an error that leaves the first as it is; DEL twice is none', () => {
    const output = onHost(`
      container c1
      snapshot >/run/before
      cni ADD c1 "$(network net "$pool")" >/run/result
      snapshot >/run/first
      cni ADD c1 "$(network net "$pool")"
      cni ADD c1 "$(network other "$pool")"
      snapshot >/run/second
      diff /run/first /run/second && echo UNCHANGED
      cni DEL c1 "$(network other "$pool")"
      pings c1 192.168.1.15
      cni DEL c1 "$(network net "$pool")"
      cni DEL c1 "$(network net "$pool")"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(objects(output).map(({ code }) => code)).toEqual([101, 100])
    expect(lines(output, /status|UNCHANGED|reach|EQUAL/)).toEqual([
      'status 1',
      'status 1',
      'UNCHANGED',
      'c1 reaches 192.168.1.15',
      'EQUAL',
    ])
  })

  test('DEL after the namespace, after the state, and without either', () => {
    const output = onHost(`
      snapshot >/run/before
      container c1
      cni ADD c1 "$(network net "$pool")" >/run/result
      ip netns del c1
      cni DEL c1 "$(network net "$pool")"
      container c1
      cni ADD c1 "$(network net "$pool")" >/run/result
      rm -r /run/natspace/spaces
      netns= cni DEL c1 "$(network net "$pool")"
      ip -br link | grep veth || echo 'no cable'
      ip netns del c1
      netns= cni DEL c9 "$(network net "$pool")"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(lines(output, /./)).toEqual(['no cable', 'EQUAL'])
  })

  test('sixteen at once get sixteen addresses', () => {
    const output = onHost(`
      for n in $(seq 16); do container c$n; done
      snapshot >/run/before
      for n in $(seq 16); do cni ADD c$n "$(network net "$pool")" >/run/result$n & done; wait
      cat /run/result*
      natspace status -q >/run/status && echo healthy
      for n in $(seq 16); do cni DEL c$n "$(network net "$pool")" & done; wait
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const addresses = objects(output).flatMap(({ ips }) => (ips as { address: string }[])[0]?.address ?? [])
    expect(new Set(addresses).size).toBe(16)
    expect(lines(output, /healthy|EQUAL|status/)).toEqual(['healthy', 'EQUAL'])
  })

  test('an ADD that is killed at any moment leaves nothing that DEL does not take away', () => {
    const output = onHost(`
      container c1
      export CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0
      snapshot >/run/before
      for call in mkdir sendto sendmsg rename unlink; do
        for nth in $(seq 40); do
          network net "$pool" |
            strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$nth $executable >/run/result 2>&1 &&
            status=0 || status=$?
          if [ $status = 0 ]; then cni DEL c1 "$(network net)"; break; fi
          [ $status = 137 ] || { echo "ended with $status"; cat /run/result; }
          cni DEL c1 "$(network net)"
          snapshot >/run/after
          diff /run/before /run/after >/run/diff && echo equal || { echo "$call $nth differs"; cat /run/diff; }
        done
      done`)
    const found = lines(output, /./)
    expect(found.filter(line => line !== 'equal')).toEqual([])
    expect(found.length).toBeGreaterThan(10)
  }, 60_000)

  test('refuses what is no namespace, the namespace of the host, and a network that others have, and changes nothing', () => {
    const output = onHost(`
      container c1
      : >/run/file
      snapshot >/run/before
      netns=/run/nothing cni ADD c1 "$(network net "$pool")"
      netns=/run/file cni ADD c1 "$(network net "$pool")"
      netns=/proc/self/ns/net cni ADD c1 "$(network net "$pool")"
      cni ADD c1 "$(network net ',"ipam":{"subnet":"192.168.1.0/24"}')"
      cni ADD c1 "$(network net ',"host":"nobody"')"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(objects(output).map(({ code }) => code)).toEqual([4, 4, 4, 100, 7])
    expect(lines(output, /EQUAL/)).toEqual(['EQUAL'])
  })

  test('a namespace that is known by a process alone', () => {
    const output = onHost(`
      unshare --net sleep 60 & process=$!
      for attempt in $(seq 500); do
        [ "$(readlink /proc/$process/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.01
      done
      snapshot >/run/before
      netns=/proc/$process/ns/net cni ADD c1 "$(network net "$pool")" >/run/result
      nsenter --net=/proc/$process/ns/net ping -qc1 -W2 192.168.1.15 >/run/ping && echo reached
      kill -9 $process; wait $process || true
      netns=/proc/$process/ns/net cni DEL c1 "$(network net "$pool")"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(lines(output, /./)).toEqual(['reached', 'EQUAL'])
  })
})

describe('CHECK', () => {
  test('is content with what ADD made, and finds each thing that somebody changed', () => {
    const output = onHost(`
      container c1
      result=$(cni ADD c1 "$(network net "$pool")")
      check() { cni CHECK c1 "$(network net "$pool,\\"prevResult\\":$result")"; }
      mend() { natspace publish -q $name 9 >/run/ignored; natspace unpublish -q $name 9 >/run/ignored; }
      name=$(natspace ls --json | grep -o 'cni-c1-[0-9a-z]*' | head -1)
      cable=$(ip -br link | grep -o '^veth-[0-9a-z]*')
      check && echo right
      try() { echo "# $1"; eval "$1"; check; mend; }
      try 'ip -n c1 route delete default'
      try 'ip route delete 10.88.0.2/32'
      try 'ip -n c1 address delete 10.88.0.2/24 dev eth0'
      try 'nft delete element inet natspace outbound4 { 10.88.0.2 }'
      try 'nft flush chain inet natspace postrouting'
      try 'sysctl -qw net.ipv4.ip_forward=0'
      try "sysctl -qw net.ipv4.conf.$cable.rp_filter=0"
      try 'ip -n c1 link set eth0 down'
      echo '# mended'; check && echo right
      echo '# link'; ip link delete $cable; check
      cni DEL c1 "$(network net "$pool")"; echo '# gone'; check`)
    const parts = output.split(/^# /m)
    expect(lines(parts[0] ?? '', /./)).toEqual(['right'])
    const codes = parts.slice(1).map(part => {
      const [what = ''] = part.split('\n')
      return [what, objects(part)[0]?.code ?? lines(part, /right/)[0]]
    })
    expect(codes.map(([, code]) => code)).toEqual([104, 104, 104, 104, 104, 104, 104, 104, 'right', 104, 103])
  })

  test('wants the result that the runtime has kept to be so', () => {
    const output = onHost(`
      container c1
      cni ADD c1 "$(network net "$pool")" >/run/result
      cni CHECK c1 "$(network net "$pool,\\"prevResult\\":{\\"ips\\":[{\\"address\\":\\"10.88.0.7/24\\"}]}")"
      cni CHECK c1 "$(network net "$pool")"`)
    expect(objects(output).map(({ code }) => code)).toEqual([104, 7])
  })
})

describe('GC and STATUS', () => {
  test('GC takes what the runtime does not know of this network, and leaves the others', () => {
    const output = onHost(`
      snapshot >/run/before
      for n in $(seq 6); do container c$n; cni ADD c$n "$(network net "$pool")" >/run/result; done
      container other; cni ADD other "$(network second ',"ipam":{"subnet":"10.89.0.0/24"}')" >/run/result
      natspace up -q byhand
      for n in 1 2 3; do ip netns del c$n; done
      valid=',"cni.dev/valid-attachments":[{"containerID":"c6","ifname":"eth0"}]'
      cni GC - "$(network net "$pool$valid")"
      natspace ls -q | sed 's/-[0-9a-z]\\{13\\} .*//; s/ .*//'
      pings c6 192.168.1.15
      natspace down -q byhand
      for name in net second; do cni GC - "$(network $name ',"cni.dev/valid-attachments":[]')"; done
      for name in c4 c5 c6 other; do ip netns del $name; done
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(lines(output, /./)).toEqual([
      'NAME',
      'byhand',
      'cni-c6',
      'cni-other',
      'c6 reaches 192.168.1.15',
      'EQUAL',
    ])
  })

  test('STATUS says when no address is free, or an uplink is missing', () => {
    const output = onHost(`
      snapshot >/run/before
      tiny=',"ipam":{"subnet":"10.88.0.0/30"}'
      cni STATUS - "$(network net "$tiny")" && echo ready
      cni STATUS - "$(network net "$tiny,\\"uplink\\":\\"eth9\\"")"
      container c1
      cni ADD c1 "$(network net "$tiny")" >/run/result
      cni STATUS - "$(network net "$tiny")"
      container c2
      cni ADD c2 "$(network net "$tiny")"
      cni DEL c1 "$(network net "$tiny")"
      ip netns del c1; ip netns del c2
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(lines(output, /^ready|EQUAL/)).toEqual(['ready', 'EQUAL'])
    expect(objects(output).map(({ code }) => code)).toEqual([50, 50, 102])
  })
})

test('with arguments the command is the command, whatever the environment says', () => {
  expect(
    onHost('CNI_COMMAND=ADD $executable ls; CNI_COMMAND=NOPE $executable </dev/null || echo "status $?"'),
  ).toMatch(/"code": 4,[\s\S]*status 1/)
})

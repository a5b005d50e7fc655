/** What the plugin tuning does, by natspace: settings of the container's namespace and of its interface. */
import { describe, expect } from 'bun:test'
import { linesOf, objectsOf, onCniHost, requirePlugins } from '../support/cni-script.ts'

const test = requirePlugins('ptp', 'tuning', 'bandwidth', 'host-local')

/** The same wishes, as the plugin tuning has them. */
const wishes =
  '"sysctl":{"net.ipv6.conf.all.disable_ipv6":"0","net.ipv4.conf.IFNAME.arp_filter":"1","net.core.somaxconn":"77","net.ipv4.ip_local_port_range":"40000 41000"},"promisc":true,"allmulti":true,"txQLen":500,"mac":"02:00:00:00:00:42","mtu":1400'

describe('settings', () => {
  test('are those of the plugin tuning, and CHECK watches each', () => {
    const output = onCniHost(`
      container c1 c2
      list /run/theirs '{"type":"ptp","ipam":{"type":"host-local","subnet":"10.77.0.0/24","dataDir":"/run/local"}},{"type":"tuning",${wishes},"dataDir":"/run/tuning"}'
      list /run/ours '{"type":"natspace","ipam":{"subnet":"10.88.0.0/24"},${wishes}}'
      facts() {
        ip -n $1 -o -d link show eth0 | grep -o '> mtu [0-9]*\\|PROMISC\\|ALLMULTI\\|ether [0-9a-f:]* brd' | sort
        ip netns exec $1 sysctl net.ipv4.conf.eth0.arp_filter net.core.somaxconn net.ipv4.ip_local_port_range net.ipv6.conf.all.disable_ipv6
      }
      chain ADD c1 /run/theirs >/run/result; facts c1 >/run/theirs-facts
      chain ADD c2 /run/ours; facts c2 >/run/ours-facts
      diff /run/theirs-facts /run/ours-facts && echo ALIKE
      wc -l </run/ours-facts
      # Not every version of the plugin has this.
      ip -n c2 -o link show eth0 | grep -o 'qlen [0-9]*'
      chain CHECK c2 /run/ours && echo RIGHT
      try() { eval "$1"; chain CHECK c2 /run/ours || true; eval "$2"; chain CHECK c2 /run/ours; }
      try 'ip -n c2 link set eth0 promisc off' 'ip -n c2 link set eth0 promisc on'
      try 'ip -n c2 link set eth0 allmulticast off' 'ip -n c2 link set eth0 allmulticast on'
      try 'ip -n c2 link set eth0 txqueuelen 9' 'ip -n c2 link set eth0 txqueuelen 500'
      try 'ip -n c2 link set eth0 address 02:00:00:00:00:43' 'ip -n c2 link set eth0 address 02:00:00:00:00:42'
      try 'ip netns exec c2 sysctl -qw net.core.somaxconn=78' 'ip netns exec c2 sysctl -qw net.core.somaxconn=77'
      try 'ip netns exec c2 sysctl -qw net.ipv4.conf.eth0.arp_filter=0' 'ip netns exec c2 sysctl -qw net.ipv4.conf.eth0.arp_filter=1'`)
    const [result, ...found] = objectsOf(output)
    expect(result).toMatchObject({ interfaces: [{}, { name: 'eth0', mac: '02:00:00:00:00:42' }] })
    expect(linesOf(output, /ALIKE|RIGHT|^\d+$|^qlen/)).toEqual(['ALIKE', '8', 'qlen 500', 'RIGHT'])
    expect(found.map(({ code }) => code)).toEqual(Array(6).fill(104))
    const told = ['promiscuous', 'all multicast', 'queue length', 'address 02', 'somaxconn', 'arp_filter']
    for (const [index, text] of told.entries()) expect(String(found[index]?.details)).toContain(text)
  })

  test('of a namespace that stays come back with DEL, but for what somebody else has set since', () => {
    const output = onCniHost(`
      container c1
      keys='net.core.somaxconn net.ipv4.ip_default_ttl net.ipv4.tcp_fin_timeout'
      ip netns exec c1 sysctl -qw net.ipv4.tcp_fin_timeout=33
      ip netns exec c1 sysctl $keys >/run/before
      tuned=',"ipam":{"subnet":"10.88.0.0/24"},"sysctl":{"net.core.somaxconn":"77","net.ipv4.ip_default_ttl":"99","net.ipv4.tcp_fin_timeout":"44"}'
      cni ADD c1 "$(network net "$tuned")" >/run/result
      ip netns exec c1 sysctl -n $keys
      # As a repair does: what was before is not noted anew.
      name=$(natspace ls --json | grep -o 'cni-c1-[0-9a-z]*' | head -1)
      ip netns exec c1 sysctl -qw net.core.somaxconn=78; natspace publish -q $name 9; ip netns exec c1 sysctl -n net.core.somaxconn
      ip netns exec c1 sysctl -qw net.ipv4.ip_default_ttl=11
      cni DEL c1 "$(network net)"
      ip netns exec c1 sysctl $keys | diff /run/before - || true
      # Another namespace that has the path by then, and the same values.
      cni ADD c1 "$(network net "$tuned")" >/run/result
      ip netns del c1; container c1
      ip netns exec c1 sysctl -qw net.core.somaxconn=77
      cni DEL c1 "$(network net)"
      ip netns exec c1 sysctl -n net.core.somaxconn`)
    expect(linesOf(output, /./)).toEqual([
      ...['77', '99', '44', '77'],
      ...['2c2', '< net.ipv4.ip_default_ttl = 64', '---', '> net.ipv4.ip_default_ttl = 11'],
      '77',
    ])
  })

  test('of the host, or of nobody, are refused by name, and nothing is changed', () => {
    const output = onCniHost(`
      container c1
      whole >/run/before
      for member in '"sysctl":{"kernel.hostname":"x"}' '"sysctl":{"vm.swappiness":"1"}' '"sysctl":{"net/../kernel/hostname":"x"}' \\
        '"sysctl":{"net.ipv6.conf.eth0.disable_ipv6":"0"}' '"mac":"01:00:5e:00:00:01"' '"sysctl":{"net.ipv4.nonsense":"1"}' \\
        '"sysctl":{"net.ipv4.ip_default_ttl":"never"}'; do
        cni ADD c1 "$(network net ",$member,\\"ipam\\":{\\"subnet\\":\\"10.88.0.0/24\\"}")"
      done
      whole >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(objectsOf(output).map(({ code }) => code)).toEqual([2, 2, 2, 2, 7, 100, 100])
    expect(linesOf(output, /EQUAL/)).toEqual(['EQUAL'])
  })

  test('an address is the one that is asked for last: by the runtime, in args, in CNI_ARGS, in the configuration', () => {
    const output = onCniHost(`
      container c1
      mac() { cni ADD c1 "$(network net "$1")" | grep -o 'mac": "02:00[0-9a-f:]*'; ip -n c1 -o link | grep -o '02:00[0-9a-f:]*'; cni DEL c1 "$(network net)"; }
      mac ',"mac":"02:00:00:00:00:01"'
      CNI_ARGS='MAC=02-00-00-00-00-02' mac ',"mac":"02:00:00:00:00:01"'
      CNI_ARGS='MAC=02:00:00:00:00:02' mac ',"args":{"cni":{"mac":"02:00:00:00:00:03"}},"mac":"02:00:00:00:00:01"'
      CNI_ARGS='MAC=02:00:00:00:00:02' mac ',"runtimeConfig":{"mac":"02:00:00:00:00:0A"},"args":{"cni":{"mac":"02:00:00:00:00:03"}}'`)
    expect(linesOf(output, /./).map(line => line.slice(-2))).toEqual([
      '01',
      '01',
      '02',
      '02',
      '03',
      '03',
      '0a',
      '0a',
    ])
  })
})

describe('limits', () => {
  test('are the token buckets that the plugin bandwidth makes towards the container', () => {
    const output = onCniHost(`
      container c1 c2
      limits='"ingressRate":8000000,"ingressBurst":1600000,"egressRate":16000000,"egressBurst":2147483647'
      list /run/theirs '{"type":"ptp","ipam":{"type":"host-local","subnet":"10.77.0.0/24","dataDir":"/run/local"}},{"type":"bandwidth",'"$limits}"
      list /run/ours '{"type":"natspace","ipam":{"subnet":"10.88.0.0/24"},'"$limits}"
      bucket() { grep -o 'rate [0-9a-zA-Z]* burst [0-9A-Za-z]*' | sort; }
      chain ADD c1 /run/theirs >/run/result; tc qdisc show | grep 'dev veth' | bucket
      # What leaves goes through an interface of its own there.
      tc qdisc show | grep -v 'dev veth' | bucket
      chain DEL c1 /run/theirs
      chain ADD c2 /run/ours >/run/result
      tc qdisc show | bucket; tc -n c2 qdisc show | bucket
      chain CHECK c2 /run/ours && echo RIGHT`)
    const found = linesOf(output, /./)
    expect(found).toEqual([...found.slice(0, 2), ...found.slice(0, 2), 'RIGHT'])
    expect(found[0]).toContain('rate 8Mbit burst 20')
  })
})
